import * as tf from "@tensorflow/tfjs";

/** GELU in its exact form, `x/2 · (1 + erf(x/√2))`, as PyTorch's `nn.GELU()`; any shape. */
export function gelu(x: tf.Tensor): tf.Tensor {
  return tf.tidy(() => x.mul(0.5).mul(x.mul(Math.SQRT1_2).erf().add(1)));
}
