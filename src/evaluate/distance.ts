import type { Vector3 } from "../volume/vector.js";

/**
 * Squared distance in mm² of every voxel to the nearest one that is set; Infinity where none is. Exact: the lower
 * envelope of parabolas along z, then y, then x, so that the three terms are added in SciPy's order and give the
 * same floating-point numbers.
 *
 * @see Felzenszwalb and Huttenlocher, Distance transforms of sampled functions (2012)
 */
export function squaredDistances(set: Uint8Array, size: Vector3, spacing: Vector3): Float64Array {
  const out = Float64Array.from(set, (value) => (value ? 0 : Infinity));
  const [width, height, depth] = size;
  const line = new LowerEnvelope(Math.max(width, height, depth));
  for (let start = 0; start < width * height; start++)
    line.transform(out, start, width * height, depth, spacing[2]);
  for (let z = 0; z < depth; z++)
    for (let x = 0; x < width; x++) line.transform(out, z * width * height + x, width, height, spacing[1]);
  for (let row = 0; row < height * depth; row++) line.transform(out, row * width, 1, width, spacing[0]);
  return out;
}

/** Replaces the values f of a line by the smallest f[p] + (distance of p)² at each of its places. */
class LowerEnvelope {
  private readonly values: Float64Array;
  /** Places whose parabolas are lowest somewhere, and where, in places, each begins to be. */
  private readonly lowest: Int32Array;
  private readonly begins: Float64Array;

  constructor(longest: number) {
    this.values = new Float64Array(longest);
    this.lowest = new Int32Array(longest);
    this.begins = new Float64Array(longest);
  }

  transform(data: Float64Array, start: number, stride: number, length: number, spacing: number): void {
    const { values, lowest, begins } = this;
    const square = spacing * spacing;
    let last = -1;
    for (let q = 0; q < length; q++) {
      const f = data[start + q * stride];
      values[q] = f;
      if (f === Infinity) continue;
      let from = -Infinity;
      while (last >= 0) {
        const p = lowest[last];
        from = ((f - values[p]) / square + (q * q - p * p)) / (2 * (q - p)); // where the two parabolas meet
        if (from > begins[last]) break;
        last--;
      }
      lowest[++last] = q;
      begins[last] = from;
    }
    if (last < 0) return;
    for (let q = 0, k = 0; q < length; q++) {
      while (k < last && begins[k + 1] < q) k++;
      const away = (q - lowest[k]) * spacing;
      data[start + q * stride] = values[lowest[k]] + away * away;
    }
  }
}
