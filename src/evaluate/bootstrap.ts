/** A mean and how sure it is. */
export interface Interval {
  readonly mean: number;
  /** Ends of the 95 % confidence interval. */
  readonly low: number;
  readonly high: number;
}

/** Samples drawn; the interval leaves out 2.5 % of their means at each end. */
const SAMPLES = 2000;
const LEFT_OUT = 50;

/**
 * Mean of all values and its 95 % confidence interval, by the percentile bootstrap. Values that are not independent,
 * such as those of several objects of a case, are drawn together.
 *
 * @param groups the values of each case; those that are not finite are refused.
 * @param random uniform numbers in [0, 1); the same ones give the same interval.
 * @returns `undefined` when there are no values.
 * @throws RangeError when a value is not finite.
 * @see Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13
 */
export function bootstrapMean(
  groups: readonly (readonly number[])[],
  random: () => number,
): Interval | undefined {
  const wrong = groups.flat().find((value) => !Number.isFinite(value));
  if (wrong !== undefined) throw new RangeError(`bootstrap of ${wrong}: expected finite numbers`);
  const drawn = groups.filter((group) => group.length > 0);
  if (drawn.length === 0) return undefined;
  const sums = Float64Array.from(drawn, (group) => group.reduce((sum, value) => sum + value, 0));
  const counts = Float64Array.from(drawn, (group) => group.length);
  const means = new Float64Array(SAMPLES);
  for (let sample = 0; sample < SAMPLES; sample++) {
    let [sum, count] = [0, 0];
    for (let draw = 0; draw < drawn.length; draw++) {
      const group = Math.floor(random() * drawn.length);
      sum += sums[group];
      count += counts[group];
    }
    means[sample] = sum / count;
  }
  means.sort();
  const total = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);
  return {
    mean: total(sums) / total(counts),
    low: means[LEFT_OUT - 1],
    high: means[SAMPLES - LEFT_OUT],
  };
}
