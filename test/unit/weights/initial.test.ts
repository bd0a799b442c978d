import { describe, expect, it } from "vitest";
import { fanIn, initialValues, NORMAL, ONES, ZEROS } from "../../../src/weights/initial.js";

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
});
