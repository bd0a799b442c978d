import * as tf from "@tensorflow/tfjs";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { LINEAR } from "./linear.js";
import { batchMatMul, linear, type KernelArguments } from "./wasmProducts.js";

/**
 * Kernels that replace TensorFlow.js's own on the WASM backend, under their names, so that every caller gains
 * and gradients stay. Each is given the one that it replaces.
 */
const KERNELS: Readonly<Record<string, (args: KernelArguments, stock: tf.KernelFunc) => tf.TensorInfo>> = {
  Slice: slice,
  BatchMatMul: batchMatMul,
};

const REGISTERED = new WeakSet<tf.KernelConfig>();

/** Puts the kernels in place, where the WASM backend is loaded; a second call changes nothing. */
export function registerWasmKernels(): void {
  for (const [name, kernel] of Object.entries(KERNELS)) {
    const stock = tf.getKernel(name, "wasm");
    if (stock === undefined || REGISTERED.has(stock)) continue;
    const ours = { ...stock, kernelFunc: (args: KernelArguments) => kernel(args, stock.kernelFunc) };
    tf.unregisterKernel(name, "wasm");
    tf.registerKernel(ours);
    REGISTERED.add(ours);
  }
  if (tf.getKernel("Erf", "wasm") !== undefined && tf.getKernel(LINEAR, "wasm") === undefined)
    tf.registerKernel({ kernelName: LINEAR, backendName: "wasm", kernelFunc: linear });
}

/**
 * A slice whose elements lie together is one copy inside the WASM memory. The stock kernel copies the whole
 * source out first: 1.6 ms for 50 kB out of 15 MB, which made it half of a windowed block's time.
 */
function slice(args: KernelArguments, stock: tf.KernelFunc): tf.TensorInfo {
  const x = args.inputs["x"] as tf.TensorInfo;
  const attrs = args.attrs as unknown as { begin: number[]; size: number[] };
  const [begin, size] = tf.slice_util.parseSliceParams(x, attrs.begin, attrs.size);
  if (x.dtype !== "float32" || !tf.slice_util.isSliceContinous(x.shape, begin, size))
    return stock(args) as tf.TensorInfo;
  const backend = args.backend as BackendWasm;
  const start = tf.slice_util.computeFlatOffset(begin, tf.util.computeStrides(x.shape));
  const out = backend.makeOutput(size, x.dtype);
  // Views only now: making the output may have moved the memory.
  const from = backend.typedArrayFromHeap(x) as Float32Array;
  (backend.typedArrayFromHeap(out) as Float32Array).set(
    from.subarray(start, start + tf.util.sizeFromShape(size)),
  );
  return out;
}
