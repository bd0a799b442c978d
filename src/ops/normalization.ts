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

/**
 * Gradients of layer normalisation with respect to x, weight and bias. Half the work of the readable form's: what the
 * three have in common is computed once, and the sums along rows and columns are products with a vector.
 */
function layerNormGradients(
  dy: tf.Tensor,
  x: tf.Tensor,
  weight: tf.Tensor,
  eps: number,
): { dx: tf.Tensor; dWeight: tf.Tensor; dBias: tf.Tensor } {
  return tf.tidy(() => {
    const [dim] = weight.shape;
    const incoming = dy.reshape<tf.Tensor2D>([-1, dim]);
    const rows = x.reshape<tf.Tensor2D>([-1, dim]);
    const centred = rows.sub<tf.Tensor2D>(rows.mean(-1, true));
    const inverse = centred.square().mean<tf.Tensor2D>(-1, true).add<tf.Tensor2D>(eps).rsqrt(); // [n, 1]
    const along = incoming.mul<tf.Tensor2D>(centred);
    const share = weight.div(dim).reshape<tf.Tensor2D>([dim, 1]);
    const mean = tf.matMul(incoming, share); // of dy·weight, [n, 1]
    const slope = tf.matMul(along, share).mul(inverse.pow(3));
    const dx = incoming.mul(weight).sub(mean).mul(inverse).sub(centred.mul(slope));
    return {
      dx: dx.reshape(x.shape),
      dWeight: tf.matMul(inverse, along, true).reshape([dim]),
      dBias: incoming.sum(0),
    };
  });
}

// The gradient of the kernel, for whichever backend has it.
tf.registerGradient({
  kernelName: LAYER_NORM,
  inputsToSave: ["x", "weight"],
  gradFunc: (dy, [x, weight], attrs) => {
    const { eps } = attrs as unknown as { readonly eps: number };
    const { dx, dWeight, dBias } = layerNormGradients(dy as tf.Tensor, x, weight, eps);
    return { x: () => dx, weight: () => dWeight, bias: () => dBias };
  },
});
