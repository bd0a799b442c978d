import { describe, expect, it } from "vitest";
import { constant, cosine, decayEvery, warmUp, type Schedule } from "../../../src/train/schedule.js";

const first = (schedule: Schedule, count: number) =>
  Array.from({ length: count }, (_, step) => schedule(step));

function expectValues(got: readonly number[], expected: readonly number[]): void {
  expect(got).toHaveLength(expected.length);
  for (const [index, value] of got.entries()) expect(value).toBeCloseTo(expected[index], 12);
}

describe("schedules of the learning rate", () => {
  it("stay", () => expectValues(first(constant, 3), [1, 1, 1]));

  it("warm up without a step that does nothing, then go on from their own start", () =>
    expectValues(first(warmUp(3, decayEvery(2, 0.5)), 8), [0.25, 0.5, 0.75, 1, 1, 0.5, 0.5, 0.25]));

  // PyTorch: CosineAnnealingLR(SGD(lr=1), T_max=4, eta_min=0.1), which rises again after T_max; this one does not.
  it("fall by a cosine as PyTorch's, and stay down", () =>
    expectValues(first(cosine(4, 0.1), 7), [1, 0.8681980515339464, 0.55, 0.2318019484660536, 0.1, 0.1, 0.1]));

  it("fall by steps as PyTorch's StepLR", () =>
    expectValues(first(decayEvery(2), 5), [1, 1, 0.1, 0.1, 0.01]));

  it("refuse a length that is none", () => {
    expect(() => cosine(0)).toThrow("cosine: steps is 0; expected a whole number of at least 1");
    expect(() => warmUp(1.5)).toThrow("warm-up: steps is 1.5");
    expect(() => decayEvery(NaN)).toThrow("step schedule: every is NaN");
  });
});
