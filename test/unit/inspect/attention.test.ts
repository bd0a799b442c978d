import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import {
  attentionMap,
  attentionOfCell,
  attentionOverHeads,
  attentionRollout,
  meanOverHeads,
} from "../../../src/inspect/attention.js";
import { watch, WHOLE, type TracedTensor } from "../../../src/inspect/trace.js";
import { GridAttention } from "../../../src/layers/gridAttention.js";
import { EncoderBlock } from "../../../src/model/imageEncoder.js";
import { Scores, gridScores } from "../../../src/ops/attention.js";
import { seededParameters } from "../../../src/weights/paramScope.js";

const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, "float32", seed);
const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, value, n) => Math.max(most, Math.abs(value - b[n])), 0);

describe("attention that is looked at", () => {
  beforeAll(() => useBackend("wasm"));
  afterEach(() => expect(tf.memory().numTensors).toBe(0));

  it("gives the same scores by rows as at once, in PyTorch's order of groups", () => {
    const [heads, batch, grid] = [3, 2, [4, 5]];
    const groups = heads * batch;
    tf.tidy(() => {
      const tensors = {
        q: random([groups, 20, 8], 1) as tf.Tensor3D,
        k: random([groups, 20, 8], 2) as tf.Tensor3D,
        rows: random([groups, 20, grid[0]], 3) as tf.Tensor3D,
        columns: random([groups, 20, grid[1]], 4) as tf.Tensor3D,
      };
      const whole = gridScores(tensors, tensors);
      const byRows = new Scores(tensors, (g) => (g % heads) * batch + Math.floor(g / heads));
      const kept = byRows.keep();
      // Group 4 is head 1 of image 1: at 1·2 + 1 among groups that have heads outermost.
      for (const value of [byRows, kept])
        expect(
          largest(value.rows(4, 7, 6).dataSync(), whole.slice([3, 7, 0], [1, 6, 20]).dataSync()),
        ).toBeLessThan(1e-5);
      kept.dispose();
    });
  });

  it.each([0, 3])("of a cell is what the block computes with, windows of %i", async (windowSize) => {
    const grid = { height: 4, width: 4 };
    const config = { dim: 8, numHeads: 2, mlpRatio: 2, windowSize, inputSize: [4, 4] as const };
    const block = new EncoderBlock(seededParameters(1), config);
    for (const parameter of block.namedParameters().values()) {
      const values = random(parameter.value.shape, 5);
      parameter.value.assign(values);
      values.dispose();
    }
    const x = random([1, 4, 4, 8], 6);
    const cell = { row: 3, column: 1 };
    const [ofCell, overHeads] = [attentionOfCell(cell, grid), attentionOverHeads(grid)];
    const seen = new Map<unknown, TracedTensor>();
    await watch(
      block,
      (path) =>
        path === "attn.scores"
          ? [WHOLE, ofCell, overHeads]
          : path === "attn.v" || path === "attn.heads"
            ? [WHOLE]
            : [],
      (path, value, pick) => seen.set(pick === WHOLE ? path : pick, value),
      () => block.call(x).dispose(),
    );
    const picked = seen.get(ofCell)!;
    const map = attentionMap(picked, cell, grid);
    expect([map.heads, map.values.length]).toEqual([2, 32]);
    if (windowSize > 0) {
      // The third row and the third column of windows of three are cut off: the cell's window has three columns, a row.
      expect(map.values.filter((value) => value > 0)).toHaveLength(2 * 3);
      expect(map.values[3 * 4 + 3]).toBe(0);
    } else {
      // Its attention times the values is what the heads give at the cell.
      const [v, heads] = [seen.get("attn.v")!, seen.get("attn.heads")!];
      const got = Float32Array.from({ length: 8 }, (_, n) => {
        const [head, d] = [Math.floor(n / 4), n % 4];
        let sum = 0;
        for (let to = 0; to < 16; to++)
          sum += map.values[head * 16 + to] * v.values[(head * 16 + to) * 4 + d];
        return sum;
      });
      expect(largest(got, heads.values.slice(13 * 8, 14 * 8))).toBeLessThan(1e-5);
      // Averaged over heads, it is the cell's row of the whole.
      const row = seen.get(overHeads)!.values.slice(13 * 16, 14 * 16);
      expect(largest(meanOverHeads(map), row)).toBeLessThan(1e-6);
    }
    block.dispose();
    x.dispose();
  });

  it("is too large to exist at once in a large grid, and read by rows then", async () => {
    const attention = new GridAttention(seededParameters(2), { dim: 8, numHeads: 2, inputSize: [64, 64] });
    const x = random([1, 64, 64, 8], 7);
    const grid = { height: 64, width: 64 };
    const pick = attentionOfCell({ row: 10, column: 20 }, grid);
    let row: TracedTensor | undefined;
    let kind = "";
    await watch(
      attention,
      (path) => (path === "scores" ? [(value) => ((kind = value.constructor.name), pick(value))] : []),
      (_, value) => (row = value),
      () => attention.call(x).dispose(),
    );
    expect(kind).toBe("Scores");
    expect(row?.shape).toEqual([2, 4096]);
    expect(row!.values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(2, 4);
    attention.dispose();
    x.dispose();
  });

  it("rolls out through blocks as products of their matrices", () => {
    const grid = { height: 2, width: 3 };
    const blocks = [11, 12].map((seed) => {
      const values = tf.tidy(() => random([1, 6, 6], seed).softmax().dataSync<"float32">());
      return { shape: [1, 6, 6], values };
    });
    const got = attentionRollout(blocks, { row: 1, column: 0 }, grid);
    const expected = tf.tidy(() => {
      const half = blocks.map(({ values }) => tf.tensor2d(values, [6, 6]).add(tf.eye(6)).div<tf.Tensor2D>(2));
      return tf.matMul(half[1], half[0]).slice([3, 0], [1, 6]).dataSync();
    });
    expect(largest(got, expected)).toBeLessThan(1e-6);
  });

  it("refuses scores of another grid", () => {
    const value = tf.zeros([2, 16, 16]);
    expect(() => attentionOfCell({ row: 0, column: 0 }, { height: 5, width: 7 })(value)).toThrow(
      "do not belong to one image of 5 x 7 tokens",
    );
    value.dispose();
  });
});
