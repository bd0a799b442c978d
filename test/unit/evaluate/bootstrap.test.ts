import { expect, test } from "vitest";
import { bootstrapMean } from "../../../src/evaluate/bootstrap.js";
import { seeded } from "./masks.js";

/** About normal, mean 0 and variance 1. */
function normals(count: number, random: () => number): number[] {
  return Array.from({ length: count }, () => Array.from({ length: 12 }, random).reduce((a, b) => a + b) - 6);
}

test("the interval of many values is the mean's standard error, 1.96 times each way", () => {
  const values = normals(400, seeded(1));
  const interval = bootstrapMean(
    values.map((value) => [value]),
    seeded(2),
  )!;
  expect(interval.mean).toBeCloseTo(values.reduce((a, b) => a + b) / 400, 12);
  expect(interval.high - interval.mean).toBeCloseTo(1.96 / 20, 1.7);
  expect(interval.mean - interval.low).toBeCloseTo(1.96 / 20, 1.7);
});

test("it holds the true mean in about 95 of 100 draws", () => {
  const random = seeded(3);
  const held = Array.from({ length: 200 }, () => {
    const { low, high } = bootstrapMean(
      normals(60, random).map((value) => [value]),
      random,
    )!;
    return low <= 0 && 0 <= high;
  }).filter(Boolean).length;
  expect(held).toBeGreaterThan(178);
  expect(held).toBeLessThan(200);
});

test("values of one case are drawn together: ten copies of a value say no more than one", () => {
  const values = normals(50, seeded(4));
  const single = bootstrapMean(
    values.map((value) => [value]),
    seeded(5),
  )!;
  const copied = bootstrapMean(
    values.map((value) => new Array<number>(10).fill(value)),
    seeded(5),
  )!;
  expect(copied.low).toBeCloseTo(single.low, 12);
  expect(copied.high).toBeCloseTo(single.high, 12);
});

test("the same seed gives the same interval; one value has no width; none has no interval", () => {
  const groups = [[0.2, 0.4], [0.9], []];
  expect(bootstrapMean(groups, seeded(6))).toEqual(bootstrapMean(groups, seeded(6)));
  expect(bootstrapMean(groups, seeded(6))!.mean).toBeCloseTo(0.5, 12);
  expect(bootstrapMean([[0.7]], seeded(6))).toEqual({ mean: 0.7, low: 0.7, high: 0.7 });
  expect(bootstrapMean([[]], seeded(6))).toBeUndefined();
  expect(() => bootstrapMean([[1], [Infinity]], seeded(6))).toThrow("bootstrap of Infinity");
});
