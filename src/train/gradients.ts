import * as tf from "@tensorflow/tfjs";
import { differentiate } from "../ops/autograd.js";
import type { Parameter } from "../weights/paramScope.js";

/** Parameters, or gradients of theirs, by state_dict path. */
export type Parameters = ReadonlyMap<string, Parameter>;
/** Gradients by state_dict path, in TensorFlow.js's layout of each parameter. */
export type Gradients = ReadonlyMap<string, tf.Tensor>;

/**
 * The loss and its gradients by state_dict path, in TensorFlow.js's layouts. A parameter that the loss does not depend
 * on has none, as in PyTorch. All intermediates are freed; what is given back is the caller's to dispose.
 *
 * @param loss computes the loss with the parameters' present values.
 * @throws RangeError when there is no parameter, the loss is no scalar or depends on none of them, or the backend
 * lacks one of the derivatives.
 */
export function lossAndGradients(
  loss: () => tf.Scalar,
  parameters: Parameters,
): { loss: tf.Scalar; gradients: Map<string, tf.Tensor> } {
  if (parameters.size === 0) throw new RangeError("gradients: no trainable parameter; unfreeze some");
  const paths = [...parameters.keys()];
  const variables = [...parameters.values()].map(({ value }) => value);
  const { value, gradients } = tf.tidy(() => {
    const result = explained(() => differentiate(loss, variables));
    if (result.value.rank !== 0)
      throw new RangeError(`gradients: the loss is [${result.value.shape}]; expected a scalar`);
    return { value: result.value, gradients: [...result.gradients] };
  });
  const found = new Map<string, tf.Tensor>();
  for (const [index, gradient] of gradients.entries())
    if (gradient !== undefined) found.set(paths[index], gradient);
  if (found.size === 0) {
    value.dispose();
    throw new RangeError(
      `gradients: the loss depends on none of the ${paths.length} trainable parameters (${paths[0]}, …)`,
    );
  }
  return { loss: value, gradients: found };
}

/** WASM has no derivative of a convolution by its filter, for one. */
function explained<T>(compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    const [, kernel, backend] = /Kernel '(\w+)' not registered for backend '(\w+)'/.exec(String(error)) ?? [];
    if (kernel === undefined) throw error;
    throw new RangeError(
      `gradients: the backend ${backend} has no ${kernel}, which what trains needs; train the decoder only, or use ` +
        "the backend tensorflow, webgpu, webgl or cpu",
      { cause: error },
    );
  }
}

/** Frees gradients. */
export function disposeGradients(gradients: Gradients): void {
  for (const gradient of gradients.values()) gradient.dispose();
}

/** The norm of all gradients as one vector, a scalar that stays on the device. */
export function gradientNorm(gradients: Gradients): tf.Scalar {
  return tf.tidy(() => {
    const squares = [...gradients.values()].map((gradient) => gradient.square().sum<tf.Scalar>());
    return tf.addN(squares).sqrt();
  });
}

/**
 * New gradients, scaled down together where their norm is above `maxNorm`; the given ones stay as they are.
 *
 * @returns the gradients, and the norm before clipping: not finite when any gradient is not.
 * @see torch.nn.utils.clip_grad_norm_
 */
export function clipByGlobalNorm(
  gradients: Gradients,
  maxNorm: number,
): { gradients: Map<string, tf.Tensor>; norm: tf.Scalar } {
  const norm = gradientNorm(gradients);
  const scale = tf.tidy(() => tf.minimum(tf.div(maxNorm, norm.add(1e-6)), 1));
  const clipped = new Map([...gradients].map(([path, gradient]) => [path, gradient.mul(scale)]));
  scale.dispose();
  return { gradients: clipped, norm };
}

/**
 * Sum of the gradients of several batches, each times its weight: with weights that add up to 1, the gradient of one
 * large batch, at the memory of a small one.
 */
export class GradientAccumulator {
  private readonly sums = new Map<string, tf.Tensor>();

  /** Adds gradients; the given ones stay as they are. */
  add(gradients: Gradients, weight = 1): void {
    for (const [path, gradient] of gradients) {
      const sum = this.sums.get(path);
      const next = tf.tidy(() => {
        const scaled = gradient.mul(weight);
        return tf.keep(sum === undefined ? scaled : sum.add(scaled));
      });
      sum?.dispose();
      this.sums.set(path, next);
    }
  }

  /** The sums, now the caller's to dispose; the accumulator is empty again. */
  take(): Map<string, tf.Tensor> {
    const sums = new Map(this.sums);
    this.sums.clear();
    return sums;
  }

  /** Frees the sums. */
  dispose(): void {
    disposeGradients(this.take());
  }
}
