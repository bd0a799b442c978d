import * as tf from "@tensorflow/tfjs";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import type { AfterProduct } from "./linear.js";

export type KernelArguments = Parameters<tf.KernelFunc>[0];

/** Below so many multiplications a product is faster in the stock kernel's loop than in a call of its own. */
const MULTIPLICATIONS_OF_A_CALL = 8192;

/**
 * Many products, one plain call each. The stock kernel takes its fast library for one product of two matrices that lie
 * as they are, and a loop fifteen times slower for all else; so what is transposed is laid out first, and each matrix
 * of a batch is handed over where it lies in memory.
 */
export function batchMatMul(args: KernelArguments, stock: tf.KernelFunc): tf.TensorInfo {
  const backend = args.backend as BackendWasm;
  const { transposeA, transposeB } = args.attrs as unknown as { transposeA: boolean; transposeB: boolean };
  const [a, b] = [args.inputs["a"], args.inputs["b"]] as tf.TensorInfo[];
  const batches = [a, b].map(({ shape }) => shape.slice(0, -2));
  const [inA, inB] = batches.map((shape) => tf.util.sizeFromShape(shape));
  const outer = tf.broadcast_util.assertAndGetBroadcastShape(batches[0], batches[1]);
  const count = tf.util.sizeFromShape(outer);
  const [rows, inner] = transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : a.shape.slice(-2);
  const columns = b.shape.at(transposeB ? -2 : -1)!;
  const isPlain = count === 1 && !transposeA && !transposeB;
  // Where both are to be repeated, along different axes, the stock kernel gives too few products, without a word.
  const isSmall = rows * inner * columns < MULTIPLICATIONS_OF_A_CALL && Math.max(inA, inB) === count;
  if (isPlain || isSmall || a.dtype !== "float32" || b.dtype !== "float32")
    return stock(args) as tf.TensorInfo;

  // Laying out and packing the right side costs more than its few products: better the other way round, (b·aᵀ)ᵀ.
  if (transposeB && 3 * inner * (columns - rows) > rows * columns) {
    const attrs = { transposeA: false, transposeB: !transposeA };
    const turned = batchMatMul({ ...args, inputs: { a: b, b: a }, attrs }, stock);
    const out = laidOut(backend, turned, count, true);
    backend.disposeData(turned.dataId);
    return { ...out, shape: [...turned.shape.slice(0, -2), rows, columns] };
  }
  const [left, right] = [laidOut(backend, a, inA, transposeA), laidOut(backend, b, inB, transposeB)];
  const out = backend.makeOutput([...outer, rows, columns], "float32");
  // One matrix for all: their rows are those of one product.
  const [calls, rowsOfCall] = inB === 1 ? [1, count * rows] : [count, rows];
  const multiply = (backend.wasm as unknown as Emscripten).cwrap("BatchMatMul", null, CALL);
  const [leftShape, rightShape] = [bytes([1, rowsOfCall, inner]), bytes([1, inner, columns])];
  for (let n = 0; n < calls; n++) {
    const x = view(backend, left, placeIn(batches[0], outer, n), [rowsOfCall, inner]);
    const y = view(backend, right, placeIn(batches[1], outer, n), [inner, columns]);
    const z = view(backend, out, n, [rowsOfCall, columns]);
    multiply(x.id, leftShape, 3, y.id, rightShape, 3, 0, 0, z.id);
    for (const part of [x, y, z]) part.forget();
  }
  for (const [tensor, source] of [[left, a], [right, b]]) if (tensor !== source) backend.disposeData(tensor.dataId); // prettier-ignore
  return out;
}

/** Which matrix of a batch, whose axes of length 1 are repeated to those of `outer`, is used for the `n`th product. */
function placeIn(batch: readonly number[], outer: readonly number[], n: number): number {
  let [place, stride, rest] = [0, 1, n];
  for (let back = 1; back <= batch.length; back++) {
    const length = batch.at(-back)!;
    const whole = outer.at(-back)!;
    if (length > 1) place += (rest % whole) * stride;
    rest = Math.floor(rest / whole);
    stride *= length;
  }
  return place;
}

/** What the stock kernel's function takes: a, its shape and rank, b, its shape and rank, two transpositions, out. */
const CALL = [
  "number",
  "array",
  "number",
  "number",
  "array",
  "number",
  "number",
  "number",
  "number",
] as const;

interface Emscripten {
  cwrap(
    name: string,
    result: null,
    types: typeof CALL,
  ): (...values: readonly (number | Uint8Array)[]) => void;
}

function bytes(shape: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(shape).buffer);
}

/**
 * A product of two matrices plus bias, and GELU of that where asked for: bias and GELU in one pass over the result, in
 * JavaScript, which takes 5 ns for a number. The stock kernels take four passes and 12 ns, most of them in an `erf` of
 * the C library.
 */
export function linear({ inputs, backend, attrs }: KernelArguments): tf.TensorInfo {
  const { rows, weight, bias } = inputs as Record<string, tf.TensorInfo>;
  const { after } = attrs as unknown as { readonly after: AfterProduct };
  const run = (name: string, given: Record<string, tf.TensorInfo>, options = {}) =>
    tf.getKernel(name, "wasm").kernelFunc({ inputs: given, backend, attrs: options }) as tf.TensorInfo;
  const product = run("BatchMatMul", { a: rows, b: weight }, { transposeA: false, transposeB: false });
  if (after === "bias") {
    const sum = run("Add", { a: product, b: bias });
    (backend as BackendWasm).disposeData(product.dataId);
    return sum;
  }
  // Made before the views, since it may move the memory.
  normalShares ??= tabulate();
  const [values, added] = [product, bias].map((x) => (backend as BackendWasm).typedArrayFromHeap(x));
  biasAndGelu(values as Float32Array, added as Float32Array, normalShares);
  return product;
}

/** Φ(x), the share of the normal distribution below x, at -REACH, -REACH + 1/STEPS and so on. */
let normalShares: Float32Array | undefined;

/** From here on Φ is 1, and below its negative 0, but for less than 2e-8. */
const REACH = 5.5;
/** A straight line over so short a step is 3e-8 from Φ at most, half of float32's last bit at 1. */
const STEPS = 1024;

function tabulate(): Float32Array {
  return tf.tidy(() => {
    const at = tf
      .range(0, 2 * REACH * STEPS + 2)
      .div(STEPS)
      .sub(REACH);
    const shares = at.mul(Math.SQRT1_2).erf().mul(0.5).add(0.5).dataSync<"float32">();
    shares[0] = 0; // also of all below
    return shares;
  });
}

/** `gelu(x + bias)` in place, for rows as long as the bias. */
function biasAndGelu(values: Float32Array, bias: Float32Array, shares: Float32Array): void {
  const last = 2 * REACH * STEPS;
  for (let start = 0; start < values.length; start += bias.length)
    for (let n = 0; n < bias.length; n++) {
      const x = values[start + n] + bias[n];
      const place = Math.max(0, Math.min(last, (x + REACH) * STEPS));
      const before = place | 0;
      const low = shares[before];
      values[start + n] = x * (low + (place - before) * (shares[before + 1] - low));
    }
}

/** `count` matrices with their rows and columns exchanged, or as they are. */
function laidOut(backend: BackendWasm, x: tf.TensorInfo, count: number, transpose: boolean): tf.TensorInfo {
  if (!transpose) return x;
  const matrices = { ...x, shape: [count, ...x.shape.slice(-2)] };
  const { kernelFunc } = tf.getKernel("Transpose", "wasm");
  return kernelFunc({ inputs: { x: matrices }, backend, attrs: { perm: [0, 2, 1] } }) as tf.TensorInfo;
}

/** The `n`th of the matrices that follow each other in a tensor, as a tensor of the library's own that owns nothing. */
function view(
  backend: BackendWasm,
  { dataId }: tf.TensorInfo,
  n: number,
  shape: number[],
): { readonly id: number; forget: () => void } {
  const place = backend.getMemoryOffset(dataId) + 4 * n * tf.util.sizeFromShape(shape);
  const part = backend.makeOutput(shape, "float32", place).dataId;
  const { id } = backend.dataIdMap.get(part);
  return {
    id,
    forget: () => {
      backend.wasm.tfjs.disposeData(id);
      backend.dataIdMap.delete(part);
    },
  };
}
