import * as tf from "@tensorflow/tfjs";

export interface Differentiated<T extends tf.Tensor> {
  readonly value: T;
  /** d value / d x for each x, in order; `undefined` where the value does not depend on it. */
  readonly gradients: readonly (tf.Tensor | undefined)[];
}

/**
 * Value and gradients of `f()` with respect to tensors and variables that it computes with. Unlike `tf.grads` it may
 * be called from inside a gradient function, it tells a missing gradient from a zero one, and an error in `f` leaves
 * no tensors behind.
 *
 * @param dy gradient of what comes after; ones by default.
 */
export function differentiate<T extends tf.Tensor>(
  f: () => T,
  xs: readonly tf.Tensor[],
  dy?: T,
): Differentiated<T> {
  const engine = tf.engine();
  // While TensorFlow.js walks one tape back it takes a second tape for the same, and clears it: set the first aside.
  const { state } = engine;
  const outer = state.activeTape;
  try {
    const { value, grads } = engine.gradients(f, [...xs], dy, true);
    return { value, gradients: grads };
  } catch (error) {
    // What a tape keeps is freed at the end of a walk, which did not come.
    if (state.activeTape !== outer)
      for (const { saved } of state.activeTape ?? []) saved?.forEach((tensor) => tensor.dispose());
    throw error;
  } finally {
    state.activeTape = outer;
  }
}

/**
 * `f(...inputs)`, remembering for the gradient nothing but the inputs: what `f` computes on its way is freed at once,
 * and computed a second time when the gradient is asked for. For a third more work, memory holds the intermediates of
 * one call at a time.
 *
 * @param variables that `f` uses besides its inputs and that want a gradient; one that the result does not depend on
 * gets zeros.
 */
export function recompute(
  f: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: readonly tf.Tensor[],
  variables: readonly tf.Variable[] = [],
): tf.Tensor {
  // TensorFlow.js gives gradients to explicit arguments only, so the variables are some, though `f` finds them itself.
  const run = tf.customGrad((...args) => {
    const save = args.at(-1) as tf.GradSaveFunc;
    const given = args.slice(0, inputs.length) as tf.Tensor[];
    save(given);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] =>
      tf.tidy(() => {
        const xs = [...saved, ...variables];
        const { gradients } = differentiate(() => f(...saved), xs, dy);
        return gradients.map((gradient, index) => gradient ?? tf.zerosLike(xs[index]));
      });
    return { value: f(...given), gradFunc };
  });
  return run(...inputs, ...variables);
}

/**
 * `f()`, as a constant to any gradient: nothing that `f` computes is remembered. Comparisons need it, since
 * TensorFlow.js has no gradient for them and does not go on without one.
 *
 * @see torch.no_grad
 */
export function withoutGradient<T extends tf.Tensor>(f: () => T): T {
  return tf.customGrad<T>(() => ({ value: f(), gradFunc: () => [] }))();
}
