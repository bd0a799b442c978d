import type * as tf from "@tensorflow/tfjs";
import { expect } from "vitest";

/** What the tables of golden numbers print of a tensor: mean, mean magnitude, samples, in PyTorch's order. */
export function summary(t: tf.Tensor, samples: readonly number[], nhwc = false): number[] {
  const values = (nhwc ? t.transpose([0, 3, 1, 2]) : t).dataSync();
  let sum = 0;
  let absolute = 0;
  for (const value of values) {
    sum += value;
    absolute += Math.abs(value);
  }
  return [sum / values.length, absolute / values.length, ...samples.map((index) => values[index])];
}

/** @param digits that must agree: 4 for tiny models, whose golden numbers have five; 3 for full-size ones. */
export function expectNear(got: readonly number[], expected: readonly number[], digits = 4): void {
  expect(got.length).toBe(expected.length);
  got.forEach((value, index) => expect(value, `number ${index}`).toBeCloseTo(expected[index], digits));
}
