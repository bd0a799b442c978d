/** What a Wilcoxon signed-rank test says of pairs. */
export interface Wilcoxon {
  /** Pairs that differ; the others say nothing and are left out. */
  readonly pairs: number;
  /** Sum of the ranks of the differences above 0, and of those below. */
  readonly above: number;
  readonly below: number;
  /** Two-sided: how likely ranks at least as uneven are when neither side is better. */
  readonly p: number;
  /** Whether `p` comes from all arrangements of signs, or from the normal approximation. */
  readonly exact: boolean;
}

/** Up to so many differences all arrangements of signs are counted. */
const MOST_EXACT = 50;

/**
 * Wilcoxon's signed-rank test of paired differences, two-sided. Differences of 0 are left out; equal ones share
 * their ranks. Up to 50 differences the distribution is exact, ties included; beyond it is normal, corrected for ties
 * and without a correction for continuity. These are the numbers of SciPy's `wilcoxon`.
 *
 * @param differences finite numbers.
 * @see Wilcoxon, Individual comparisons by ranking methods (1945)
 */
export function wilcoxonSignedRank(differences: readonly number[]): Wilcoxon {
  const values = differences.filter((value) => value !== 0);
  const pairs = values.length;
  if (pairs === 0) return { pairs, above: 0, below: 0, p: 1, exact: true };
  const { doubled, ties } = ranks(values.map(Math.abs));
  const sum = (wanted: (value: number) => boolean) =>
    doubled.reduce((total, rank, i) => total + (wanted(values[i]) ? rank : 0), 0) / 2;
  const [above, below] = [sum((value) => value > 0), sum((value) => value < 0)];
  const smaller = Math.min(above, below);
  const exact = pairs <= MOST_EXACT;
  const p = exact ? exactP(doubled, 2 * smaller) : normalP(pairs, ties, smaller);
  return { pairs, above, below, p: Math.min(1, p), exact };
}

/** Twice the ranks from 1 on, so that shared ones are whole numbers too; and how many share one, group by group. */
function ranks(sizes: readonly number[]): { doubled: number[]; ties: number[] } {
  const order = sizes.map((_, i) => i).sort((a, b) => sizes[a] - sizes[b]);
  const doubled = new Array<number>(sizes.length);
  const ties: number[] = [];
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && sizes[order[end]] === sizes[order[start]]) end++;
    for (const i of order.slice(start, end)) doubled[i] = start + 1 + end;
    ties.push(end - start);
  }
  return { doubled, ties };
}

/** Share of all arrangements of signs whose sum is at most `most`, twice. The distribution is symmetric. */
function exactP(doubled: readonly number[], most: number): number {
  const ways = new Float64Array(most + 1);
  ways[0] = 1;
  for (const rank of doubled) for (let sum = most; sum >= rank; sum--) ways[sum] += ways[sum - rank];
  return (2 * ways.reduce((total, count) => total + count, 0)) / 2 ** doubled.length;
}

function normalP(pairs: number, ties: readonly number[], smaller: number): number {
  const mean = (pairs * (pairs + 1)) / 4;
  const tied = ties.reduce((total, count) => total + count ** 3 - count, 0);
  const variance = (pairs * (pairs + 1) * (2 * pairs + 1)) / 24 - tied / 48;
  return outsideNormal((mean - smaller) / Math.sqrt(variance));
}

/**
 * Probability that a standard normal value is farther from 0 than `z` >= 0: the integral's series near 0, its
 * continued fraction far away, each to the last digits.
 *
 * @see Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.11 and 26.2.14
 */
function outsideNormal(z: number): number {
  const density = Math.exp(-z * z * 0.5) / Math.sqrt(2 * Math.PI);
  if (z < 3) {
    let [term, sum] = [z, z];
    for (let n = 3; term > sum * 1e-17; n += 2) sum += term *= (z * z) / n;
    return 1 - 2 * density * sum;
  }
  let fraction = 0;
  for (let n = 200; n > 0; n--) fraction = n / (z + fraction);
  return (2 * density) / (z + fraction);
}
