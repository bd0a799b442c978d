import * as tf from "@tensorflow/tfjs";

/**
 * Layer normalisation over the last axis: `(x - mean)/√(var + eps) · weight + bias`, with the biased variance.
 * x [..., C], weight and bias [C].
 */
export function layerNorm(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, eps: number): tf.Tensor {
  return tf.tidy(() => {
    const centred = x.sub(x.mean(-1, true));
    const variance = centred.square().mean(-1, true); // [..., 1]
    return centred.mul(variance.add(eps).rsqrt()).mul(weight).add(bias);
  });
}
