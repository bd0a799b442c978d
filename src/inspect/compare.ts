import type { TracedTensor } from "./trace.js";

/** How far a value may be from its reference: `absolute + relative · largest magnitude of the reference`. */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

/** By how much a value departs from its reference. */
export interface Comparison {
  readonly name: string;
  /** Largest absolute difference, infinite when the values cannot be compared. */
  readonly largest: number;
  /** The same, as a share of the reference's largest magnitude. */
  readonly relative: number;
  /** What was allowed. */
  readonly allowed: number;
  readonly ok: boolean;
  /** One line for people: where the largest difference is and both values, or why they cannot be compared. */
  readonly detail: string;
}

/** Compares two tensors of PyTorch's axes. NaN, infinity and another shape fail. */
export function compareTensors(
  name: string,
  got: TracedTensor | undefined,
  expected: TracedTensor,
  { absolute, relative }: Tolerance,
): Comparison {
  const failed = (detail: string): Comparison => {
    return { name, largest: Infinity, relative: Infinity, allowed: absolute, ok: false, detail };
  };
  if (got === undefined) return failed("no such value");
  if (got.shape.join() !== expected.shape.join())
    return failed(`shape [${got.shape}], expected [${expected.shape}]`);
  let [largest, at, magnitude] = [0, 0, 0];
  for (let i = 0; i < expected.values.length; i++) {
    const difference = Math.abs(got.values[i] - expected.values[i]);
    // Not `difference > largest`: a NaN must not pass for small.
    if (!Number.isFinite(difference))
      return failed(
        `${got.values[i]} at [${indexOf(i, expected.shape)}], expected ${expected.values[i]}: not finite`,
      );
    if (difference > largest) [largest, at] = [difference, i];
    magnitude = Math.max(magnitude, Math.abs(expected.values[i]));
  }
  const allowed = absolute + relative * magnitude;
  const share = largest === 0 ? 0 : largest / magnitude;
  const detail = `${largest.toExponential(2)} at [${indexOf(at, expected.shape)}]: got ${got.values[at]}, expected ${expected.values[at]}`;
  return { name, largest, relative: share, allowed, ok: largest <= allowed, detail };
}

function indexOf(flat: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  for (const side of shape.toReversed()) {
    index.unshift(flat % side);
    flat = Math.floor(flat / side);
  }
  return index;
}
