import { describe, expect, it } from "vitest";
import { fanIn, initialValues, NORMAL, ONES, ZEROS, type Initial } from "../../../src/weights/initial.js";

const COUNT = 20_000;

function moments(values: Float32Array) {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}

describe("initial values", () => {
  it("are uniform within 1/√fanIn, as nn.Linear's", () => {
    const values = initialValues("a.weight", [COUNT], fanIn(16), 1);
    const { mean, deviation } = moments(values);
    expect(Math.max(...values)).toBeLessThanOrEqual(0.25);
    expect(Math.max(...values)).toBeGreaterThan(0.249);
    expect(Math.abs(mean)).toBeLessThan(0.005);
    expect(deviation).toBeCloseTo(0.25 / Math.sqrt(3), 2);
  });

  it("are standard normal, as nn.Embedding's", () => {
    const { mean, deviation } = moments(initialValues("b.weight", [COUNT], NORMAL, 1));
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(deviation).toBeCloseTo(1, 1);
  });

  it("are ones and zeros for norms and positions", () => {
    expect([...initialValues("n.weight", [2], ONES, 1)]).toEqual([1, 1]);
    expect([...initialValues("n.bias", [2], ZEROS, 1)]).toEqual([0, 0]);
  });

  it("depend on seed and path alone", () => {
    const make = (path: string, seed: number) => [...initialValues(path, [4], NORMAL, seed)];
    expect(make("x", 1)).toEqual(make("x", 1));
    expect(make("x", 1)).not.toEqual(make("x", 2));
    expect(make("x", 1)).not.toEqual(make("y", 1));
  });

  it("are a number, or what a function gives", () => {
    expect([...initialValues("t", [2, 2], 0.5, 1)]).toEqual([0.5, 0.5, 0.5, 0.5]);
    expect([...initialValues("t", [], 3, 1)]).toEqual([3]);
    const rows = ([count, width]: readonly number[]) =>
      Array.from({ length: count * width }, (_, n) => Math.floor(n / width));
    expect([...initialValues("t", [2, 3], rows, 1)]).toEqual([0, 0, 0, 1, 1, 1]);
  });

  it.each<[string, Initial]>([
    ["2 numbers", () => [1, 2]],
    ["4 numbers", () => new Float32Array(4)],
    ["not all finite, one is NaN", () => [1, NaN, 3]],
    ["not all finite, one is Infinity", Infinity],
  ])("are refused: %s", (what, initial) => {
    expect(() => initialValues("mine.t", [3], initial, 1)).toThrow(
      `mine.t: its initial values are ${what}; expected 3 finite numbers, for the shape [3]`,
    );
  });
});
