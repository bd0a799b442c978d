import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import { axialAngles, RotaryAttention } from "../../../src/layers/rotaryAttention.js";
import { SinePositions, sinePositions } from "../../../src/layers/sinePositions.js";
import { seededParameters } from "../../../src/weights/paramScope.js";

beforeAll(() => useBackend("cpu"));

describe("positions", () => {
  it("turn pairs of channels by column and row", () => {
    const angles = axialAngles(32, 256);
    const at = (token: number, pair: number) => angles[token * 128 + pair];
    // Token 33 is at row 1 and column 1, token 35 at row 1 and column 3.
    expect(Math.cos(at(33, 0))).toBeCloseTo(0.540302, 6);
    expect(Math.sin(at(33, 64))).toBeCloseTo(0.841471, 6);
    expect(Math.cos(at(33, 1))).toBeCloseTo(0.647906, 6);
    expect(Math.sin(at(35, 65))).toBeCloseTo(0.76172, 5);
    expect(at(35, 0)).toBeCloseTo(3, 6);
  });

  it("of a map that is not square have the row first", () => {
    const layer = new SinePositions(8);
    const positions = layer.call([2, 5]);
    expect(positions.shape).toEqual([1, 2, 5, 8]);
    const values = positions.dataSync();
    const at = (row: number, column: number, channel: number) => values[(row * 5 + column) * 8 + channel];
    expect(at(0, 3, 0)).toBeCloseTo(Math.sin(Math.PI), 5);
    expect(at(1, 3, 1)).toBeCloseTo(Math.cos(2 * Math.PI), 5);
    expect(at(1, 0, 4)).toBeCloseTo(Math.sin((2 * Math.PI) / 5), 5);
    expect(at(1, 0, 7)).toBeCloseTo(Math.cos((2 * Math.PI) / 5 / 100), 5);
    expect(() => layer.call([2, 5]).dispose()).not.toThrow();
    positions.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });

  it("of numbers have all sines first", () => {
    const values = tf.tidy(() => sinePositions([3 / 7], 256).dataSync());
    expect(values[0]).toBeCloseTo(0.41557, 5);
    expect(values[2]).toBeCloseTo(0.36267, 5);
    expect(values[128]).toBeCloseTo(0.90956, 5);
  });
});

it("refuses tokens that are no square grid, and keys that are no grids", () => {
  const layer = new RotaryAttention(seededParameters(1), { embeddingDim: 8, numHeads: 1 });
  const tokens = (count: number) => tf.zeros([1, count, 8]);
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    expect(() => layer.call(tokens(6), tokens(6), tokens(6))).toThrow(/6 queries.*square grid/);
    expect(() => layer.call(tokens(4), tokens(9), tokens(9), 2)).toThrow(/7 keys with a place/);
    expect(layer.call(tokens(4), tokens(9), tokens(9), 1).shape).toEqual([1, 4, 8]);
  });
  expect(tf.memory().numTensors).toBe(before);
  layer.dispose();
});
