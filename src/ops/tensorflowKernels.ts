import * as tf from "@tensorflow/tfjs";
import { LINEAR, type AfterProduct } from "./linear.js";
import { LAYER_NORM } from "./normalization.js";

/** The part of the native backend of `@tensorflow/tfjs-node` that is used: running an operation by its name. */
interface NativeBackend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: Readonly<
    Record<
      "TF_ATTR_TYPE" | "TF_ATTR_STRING" | "TF_ATTR_FLOAT" | "TF_ATTR_BOOL" | "TF_ATTR_INT" | "TF_FLOAT",
      number
    >
  >;
  readonly executeSingleOutput: (
    name: string,
    attributes: readonly object[],
    inputs: readonly tf.Tensor[],
  ) => tf.Tensor;
}

/**
 * Kernels of TensorFlow's oneDNN build that TensorFlow.js does not call: softmax, under its own name, so that every
 * caller gains and its gradient stays; layer norm as one operation; and products that add the bias and take the GELU
 * before they write their result. TensorFlow's graphs use them on CPUs in the place of the plain ones. The last needs
 * the addon that `medsam native install` compiles (see `patchAddon.ts`).
 *
 * They are for CPUs: with a GPU, and with a library that has none of them, nothing changes. Call it when the backend
 * is in use.
 */
export function registerTensorflowKernels(): void {
  const stock = tf.getKernel("Softmax", "tensorflow");
  if (stock === undefined || tf.getKernel(LAYER_NORM, "tensorflow") !== undefined) return;
  if (native().isUsingGpuDevice || !hasOneDnn()) return;
  tf.unregisterKernel("Softmax", "tensorflow");
  tf.registerKernel({ ...stock, kernelFunc: softmax });
  tf.registerKernel({ kernelName: LAYER_NORM, backendName: "tensorflow", kernelFunc: layerNorm });
  if (fusesProducts())
    tf.registerKernel({ kernelName: LINEAR, backendName: "tensorflow", kernelFunc: linear });
}

function native(): NativeBackend {
  return tf.backend() as unknown as NativeBackend;
}

/** `T`, the type of the values, and `_kernel`, which chooses among implementations of one name. */
function attributes({ binding }: NativeBackend, kernel: string): object[] {
  return [
    { name: "T", type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    { name: "_kernel", type: binding.TF_ATTR_STRING, value: kernel },
  ];
}

function hasOneDnn(): boolean {
  return tf.tidy(() => {
    try {
      oneDnnSoftmax(tf.zeros([1, 2]));
      return true;
    } catch {
      return false;
    }
  });
}

function fusesProducts(): boolean {
  return tf.tidy(() => {
    try {
      const product = fusedProduct(tf.ones([1, 2]), tf.ones([2, 1]), tf.ones([1]), "bias and gelu");
      return Math.abs(product.dataSync()[0] - 2.99595) < 1e-4; // gelu(3)
    } catch {
      return false;
    }
  });
}

function fusedProduct(rows: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, after: AfterProduct): tf.Tensor {
  const backend = native();
  const { binding } = backend;
  const attribute = (name: string, type: number, value: unknown) => ({ name, type, value });
  const operations = after === "bias" ? ["BiasAdd"] : ["BiasAdd", "GeluExact"];
  return backend.executeSingleOutput(
    "_MklNativeFusedMatMul",
    [
      ...attributes(backend, "MklNameChangeOp"),
      attribute("num_args", binding.TF_ATTR_INT, 1),
      attribute("fused_ops", binding.TF_ATTR_STRING, operations),
      attribute("transpose_a", binding.TF_ATTR_BOOL, false),
      attribute("transpose_b", binding.TF_ATTR_BOOL, false),
    ],
    [rows, weight, bias],
  );
}

function linear({ inputs, attrs }: Parameters<tf.KernelFunc>[0]): tf.TensorInfo {
  const [rows, weight, bias] = ["rows", "weight", "bias"].map((name) => inputs[name] as tf.Tensor);
  return fusedProduct(rows, weight, bias, (attrs as unknown as { readonly after: AfterProduct }).after);
}

function oneDnnSoftmax(rows: tf.Tensor): tf.Tensor {
  const backend = native();
  return backend.executeSingleOutput("_MklSoftmax", attributes(backend, "MklNameChangeOp"), [rows]);
}

function softmax({ inputs }: Parameters<tf.KernelFunc>[0]): tf.TensorInfo {
  const logits = inputs["logits"] as tf.Tensor;
  const last = logits.shape[logits.rank - 1];
  const rows = tf.reshape(logits, [-1, last]);
  const result = oneDnnSoftmax(rows);
  const shaped = tf.reshape(result, logits.shape);
  tf.dispose([rows, result]);
  return shaped;
}

function layerNorm({ inputs, attrs }: Parameters<tf.KernelFunc>[0]): tf.TensorInfo {
  const backend = native();
  const [x, weight, bias] = ["x", "weight", "bias"].map((name) => inputs[name] as tf.Tensor);
  const { eps } = attrs as unknown as { readonly eps: number };
  const rows = tf.reshape(x, [-1, x.shape[x.rank - 1]]);
  const epsilon = { name: "epsilon", type: backend.binding.TF_ATTR_FLOAT, value: eps };
  const result = backend.executeSingleOutput(
    "_MklLayerNorm",
    [...attributes(backend, ""), epsilon],
    [rows, weight, bias],
  );
  const shaped = tf.reshape(result, x.shape);
  tf.dispose([rows, result]);
  return shaped;
}
