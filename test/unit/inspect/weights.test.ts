import { describe, expect, it } from "vitest";
import { compareCheckpoints } from "../../../src/inspect/compareCheckpoints.js";
import { weightDifference, weightStatistics } from "../../../src/inspect/weightStatistics.js";
import { bytesSource } from "../../../src/weights/byteSource.js";
import { fromFloat32 } from "../../../src/weights/numbers.js";
import { openCheckpoint } from "../../../src/weights/open.js";
import { safetensorsBytes } from "../../../src/weights/safetensorsWriter.js";

describe("statistics of weights", () => {
  it("are those of the finite values", () => {
    const found = weightStatistics(Float32Array.of(-1, 0, 0, 3, NaN, Infinity));
    expect(found).toMatchObject({ count: 6, mean: 0.5, least: -1, most: 3, zeros: 2, notFinite: 2 });
    expect(found.standardDeviation).toBeCloseTo(1.5, 12);
    expect(found.histogram.length).toBe(32);
    expect([found.histogram[0], found.histogram[8], found.histogram[31]]).toEqual([1, 2, 1]);
  });

  it("have one step where all values are one, and none where there are no values", () => {
    expect(weightStatistics(Float32Array.of(2, 2)).histogram).toEqual([2]);
    expect(weightStatistics(Float32Array.of(NaN)).histogram).toEqual([]);
  });

  it("tell how far two tensors are apart", () => {
    expect(weightDifference(Float32Array.of(3, 4), Float32Array.of(3, 4.5))).toEqual({
      largest: 0.5,
      relative: 0.1,
      changed: 1,
    });
    expect(weightDifference(Float32Array.of(NaN), Float32Array.of(NaN)).changed).toBe(0);
    expect(weightDifference(Float32Array.of(NaN, 1), Float32Array.of(1, 1)).largest).toBeNaN();
  });
});

it("two checkpoints are compared by path, shape and value", () => {
  const open = (tensors: Record<string, number[]>) =>
    openCheckpoint(
      bytesSource(
        safetensorsBytes(
          Object.entries(tensors).map(([name, values]) => ({
            name,
            dtype: "F32" as const,
            shape: [values.length],
            bytes: () => fromFloat32(Float32Array.from(values), "F32"),
          })),
        ),
        "a.safetensors",
      ),
    );
  const first = open({ a: [1, 2], b: [1], c: [1], d: [1] });
  const second = open({ a: [1, 2], b: [2], c: [1, 1], e: [1] });
  expect(compareCheckpoints(first, second)).toEqual({
    same: ["a"],
    different: [{ path: "b", shape: [1], largest: 1, relative: 1, changed: 1 }],
    misshapen: [{ path: "c", first: [1], second: [2] }],
    onlyInFirst: ["d"],
    onlyInSecond: ["e"],
  });
});
