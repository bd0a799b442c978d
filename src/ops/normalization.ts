import * as tf from "@tensorflow/tfjs";

/** Name of the kernel that computes `layerNorm` at once, on the backends that have one. */
export const LAYER_NORM = "MedsamLayerNorm";

/** What both forms compute first: x with mean 0 and variance 1 on the last axis, and 1/√(var + eps), [..., 1]. */
function normalise(x: tf.Tensor, eps: number): { normal: tf.Tensor; inverse: tf.Tensor } {
  const centred = x.sub(x.mean(-1, true));
  const inverse = centred.square().mean(-1, true).add(eps).rsqrt();
  return { normal: centred.mul(inverse), inverse };
}

/** Layer normalisation, readable form: the definition. */
export function layerNormPlain(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, eps: number): tf.Tensor {
  return tf.tidy(() => normalise(x, eps).normal.mul(weight).add(bias));
}

/**
 * Layer normalisation over the last axis: `(x - mean)/√(var + eps) · weight + bias`, with the biased variance.
 * x [..., C], weight and bias [C].
 */
export function layerNorm(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, eps: number): tf.Tensor {
  if (tf.getKernel(LAYER_NORM, tf.getBackend()) === undefined) return layerNormPlain(x, weight, bias, eps);
  return tf.engine().runKernel(LAYER_NORM, { x, weight, bias }, { eps });
}

// The gradient of the kernel, for whichever backend has it.
tf.registerGradient({
  kernelName: LAYER_NORM,
  inputsToSave: ["x", "weight"],
  gradFunc: (dy, [x, weight], attrs) => {
    const { eps } = attrs as unknown as { readonly eps: number };
    const incoming = dy as tf.Tensor;
    const rows = (t: tf.Tensor) => t.reshape([-1, weight.shape[0]]);
    return {
      x: () =>
        tf.tidy(() => {
          const { normal, inverse } = normalise(x, eps);
          const scaled = incoming.mul(weight);
          const along = normal.mul(scaled.mul(normal).mean(-1, true));
          return scaled.sub(scaled.mean(-1, true)).sub(along).mul(inverse);
        }),
      weight: () => tf.tidy(() => rows(incoming.mul(normalise(x, eps).normal)).sum(0)),
      bias: () => tf.tidy(() => rows(incoming).sum(0)),
    };
  },
});
