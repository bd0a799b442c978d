import * as tf from "@tensorflow/tfjs";

/**
 * `x · weight + bias` over the last axis: x [..., in], weight [in, out], bias [out] give [..., out].
 *
 * Always one product of two plain matrices: that is the only form that the WASM backend hands to its fast
 * library, and no slower elsewhere.
 */
export function linear(x: tf.Tensor, weight: tf.Tensor, bias?: tf.Tensor): tf.Tensor {
  const [inFeatures, outFeatures] = weight.shape;
  const rows = x.reshape<tf.Tensor2D>([-1, inFeatures]);
  const product = tf.matMul(rows, weight);
  const out = bias === undefined ? product : product.add(bias);
  return out.reshape([...x.shape.slice(0, -1), outFeatures]);
}
