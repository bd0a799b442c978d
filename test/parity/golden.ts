import type * as tf from "@tensorflow/tfjs";
import { expect } from "vitest";
import { summaryOf } from "./tensors.js";

/** What the tables of golden numbers print of a tensor, in PyTorch's order. */
export function summary(t: tf.Tensor, samples: readonly number[], nhwc = false): number[] {
  return summaryOf((nhwc ? t.transpose([0, 3, 1, 2]) : t).dataSync(), samples);
}

/** @param digits that must agree: 4 for tiny models, whose golden numbers have five; 3 for full-size ones. */
export function expectNear(got: readonly number[], expected: readonly number[], digits = 4): void {
  expect(got.length).toBe(expected.length);
  got.forEach((value, index) => expect(value, `number ${index}`).toBeCloseTo(expected[index], digits));
}
