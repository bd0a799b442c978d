/** How the values of a tensor spread. Those that are not finite count in `notFinite` alone. */
export interface WeightStatistics {
  readonly count: number;
  readonly mean: number;
  readonly standardDeviation: number;
  readonly least: number;
  readonly most: number;
  readonly zeros: number;
  readonly notFinite: number;
  /** How many values lie in equal steps from `least` to `most`; one step where all values are one. */
  readonly histogram: readonly number[];
}

const STEPS = 32;

/** Statistics in double precision, in two passes. */
export function weightStatistics(values: Float32Array): WeightStatistics {
  let [sum, least, most, zeros, finite] = [0, Infinity, -Infinity, 0, 0];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    finite++;
    sum += value;
    if (value === 0) zeros++;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const mean = sum / finite;
  const histogram = new Array<number>(finite === 0 ? 0 : most > least ? STEPS : 1).fill(0);
  let squares = 0;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    squares += (value - mean) ** 2;
    const step = most > least ? Math.floor(((value - least) / (most - least)) * STEPS) : 0;
    histogram[Math.min(step, histogram.length - 1)]++;
  }
  return {
    count: values.length,
    mean,
    standardDeviation: Math.sqrt(squares / finite),
    least,
    most,
    zeros,
    notFinite: values.length - finite,
    histogram,
  };
}

/** How far a tensor is from another of its shape. */
export interface WeightDifference {
  /** Largest absolute difference; NaN where a value is not finite in one of them alone. */
  readonly largest: number;
  /** Norm of the difference as a share of the first one's norm. */
  readonly relative: number;
  /** Values that are not the same. */
  readonly changed: number;
}

/** Compares two tensors of one shape. A NaN is the same as a NaN. */
export function weightDifference(a: Float32Array, b: Float32Array): WeightDifference {
  let [largest, squares, norm, changed] = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    norm += a[i] ** 2;
    if (Object.is(a[i], b[i]) || a[i] === b[i]) continue;
    changed++;
    const difference = Math.abs(a[i] - b[i]);
    squares += difference ** 2;
    largest = Math.max(largest, difference); // a NaN stays
  }
  return { largest, relative: changed === 0 ? 0 : Math.sqrt(squares / norm), changed };
}
