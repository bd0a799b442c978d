import * as tf from "@tensorflow/tfjs";
import { gelu } from "./activation.js";

/** Name of the kernel that computes `linear`, and `linearGelu`, at once, on the backends that have one. */
export const LINEAR = "MedsamLinear";

/** What the kernel does after the product. */
export type AfterProduct = "bias" | "bias and gelu";

/** Rows [n, in] times weight [in, out], plus bias, readable form: the definition. */
function linearPlain(rows: tf.Tensor2D, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return tf.matMul(rows, weight as tf.Tensor2D).add(bias);
}

/**
 * `x · weight + bias` over the last axis: x [..., in], weight [in, out], bias [out] give [..., out].
 *
 * Always one product of two plain matrices: that is the only form that the WASM backend hands to its fast
 * library, and no slower elsewhere.
 */
export function linear(x: tf.Tensor, weight: tf.Tensor, bias?: tf.Tensor): tf.Tensor {
  const [inFeatures, outFeatures] = weight.shape;
  const rows = x.reshape<tf.Tensor2D>([-1, inFeatures]);
  const shape = [...x.shape.slice(0, -1), outFeatures];
  if (bias === undefined) return tf.matMul(rows, weight as tf.Tensor2D).reshape(shape);
  return (hasKernel() ? runKernel(rows, weight, bias, "bias") : linearPlain(rows, weight, bias)).reshape(
    shape,
  );
}

/** `gelu(linear(x, weight, bias))`, GELU in its exact form. */
export function linearGelu(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  // Its gradient needs what is before the GELU, which the kernel does not give.
  const isRecorded = tf.engine().state.gradientDepth > 0;
  if (isRecorded || !hasKernel()) return gelu(linear(x, weight, bias));
  const [inFeatures, outFeatures] = weight.shape;
  return tf.tidy(() => {
    const rows = x.reshape<tf.Tensor2D>([-1, inFeatures]);
    return runKernel(rows, weight, bias, "bias and gelu").reshape([...x.shape.slice(0, -1), outFeatures]);
  });
}

function hasKernel(): boolean {
  return tf.getKernel(LINEAR, tf.getBackend()) !== undefined;
}

function runKernel(rows: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, after: AfterProduct): tf.Tensor {
  return tf.engine().runKernel(LINEAR, { rows, weight, bias }, { after });
}

// The gradient of the kernel without GELU, for whichever backend has it.
tf.registerGradient({
  kernelName: LINEAR,
  inputsToSave: ["rows", "weight"],
  gradFunc: (dy, [rows, weight]) => {
    const incoming = dy as tf.Tensor2D;
    return {
      rows: () => tf.matMul(incoming, weight, false, true),
      weight: () => tf.matMul(rows, incoming, true),
      bias: () => incoming.sum(0),
    };
  },
});
