/**
 * A linear resampling of one axis: output `i` is the sum of `weights[i·count + t]` times input
 * `indices[i·count + t]` over the `count` taps `t`.
 */
export interface Taps {
  readonly size: number;
  readonly count: number;
  readonly indices: Int32Array;
  readonly weights: Float64Array;
}

/** Values row by row, channels side by side. */
export interface Grid {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: ArrayLike<number>;
}

/**
 * Taps from a rule for each output. Taps outside the input read its outer samples.
 *
 * @param count most taps of an output.
 * @param rule first input index of output `i`, and the weights from there on.
 */
export function makeTaps(
  inSize: number,
  outSize: number,
  count: number,
  rule: (i: number) => readonly [first: number, weights: readonly number[]],
): Taps {
  const indices = new Int32Array(outSize * count);
  const weights = new Float64Array(outSize * count);
  for (let i = 0; i < outSize; i++) {
    const [first, values] = rule(i);
    values.forEach((weight, t) => {
      indices[i * count + t] = Math.min(Math.max(first + t, 0), inSize - 1);
      weights[i * count + t] = weight;
    });
  }
  return { size: outSize, count, indices, weights };
}

/** Resamples along x. */
export function resampleRows(grid: Grid, taps: Taps): Grid & { readonly data: Float64Array } {
  const { width, height, channels, data } = grid;
  const { size, count, indices, weights } = taps;
  const out = new Float64Array(size * height * channels);
  for (let y = 0, to = 0; y < height; y++) {
    const row = y * width * channels;
    for (let x = 0; x < size; x++) {
      for (let channel = 0; channel < channels; channel++, to++) {
        let sum = 0;
        for (let t = x * count; t < (x + 1) * count; t++)
          sum += weights[t] * data[row + indices[t] * channels + channel];
        out[to] = sum;
      }
    }
  }
  return { width: size, height, channels, data: out };
}

/** Resamples along y. */
export function resampleColumns(grid: Grid, taps: Taps): Grid & { readonly data: Float64Array } {
  const { width, channels, data } = grid;
  const { size, count, indices, weights } = taps;
  const stride = width * channels;
  const out = new Float64Array(size * stride);
  for (let y = 0; y < size; y++) {
    const to = y * stride;
    for (let t = y * count; t < (y + 1) * count; t++) {
      const weight = weights[t];
      if (weight === 0) continue;
      const from = indices[t] * stride;
      for (let i = 0; i < stride; i++) out[to + i] += weight * data[from + i];
    }
  }
  return { width, height: size, channels, data: out };
}
