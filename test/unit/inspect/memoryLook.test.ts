import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.node.js";
import { lookOfToken, memoryLook } from "../../../src/inspect/memoryLook.js";
import { trace, watch } from "../../../src/inspect/trace.js";
import { gridSize } from "../../../src/model/config.js";
import type { Sam2 } from "../../../src/model/sam2/sam2.js";
import { Scores } from "../../../src/ops/attention.js";
import { remember } from "../../../src/predictor/memoryBank.js";
import { Sam2VideoPredictor } from "../../../src/predictor/videoPredictor.js";
import type { VideoState } from "../../../src/predictor/videoState.js";
import { readFixture } from "../../parity/fixture.js";
import { loadSam2 } from "../../parity/sam2Cases.js";

const LAYER = "memory_attention.layers.0.cross_attn_image";
const QUERY = 4;

describe("where a token looks in the memory", () => {
  let model: Sam2;
  let predictor: Sam2VideoPredictor;
  let state: VideoState;
  beforeAll(async () => {
    await useBackend("wasm");
    model = loadSam2(readFixture("sam2-frame"));
    predictor = new Sam2VideoPredictor(model);
    const read = (frame: number) => {
      const data = Uint8Array.from({ length: 1200 }, (_, i) => (37 * i + 101 * frame * (i % 13)) % 256);
      return { width: 30, height: 40, channels: 1 as const, data };
    };
    state = predictor.initState({ count: 6, width: 30, height: 40, read });
    for (const object of [7, 8]) {
      const box = [object - 2, 8, 20, 31] as const;
      await predictor.addNewPointsOrBox(state, { frame: 1, object, box });
    }
    await pass(1, QUERY - 2);
  });
  afterAll(async () => {
    await predictor.dispose();
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });

  async function pass(startFrame: number, maxFrames: number): Promise<void> {
    for await (const masks of predictor.propagateInVideo(state, { startFrame, maxFrames })) void masks;
  }

  it.each([0, 1])("is what the layer's queries and keys say, object %i", async (object) => {
    const cells = gridSize(model.config) ** 2;
    const token = cells - 2;
    const pick = lookOfToken(object, token, 1);
    let picked: Float32Array = new Float32Array();
    await watch(
      model,
      (path) => (path === `${LAYER}.scores` ? [pick] : []),
      (_, { values }) => (picked = values),
      () => pass(QUERY, 0),
    );
    const { tensors } = await trace(model, [`${LAYER}.q`, `${LAYER}.k`], () => pass(QUERY, 0));
    const [q, k] = ["q", "k"].map((name) => tensors.get(`${LAYER}.${name}`)!);
    const [, , keys, dim] = k.shape;
    const logits = Array.from({ length: keys }, (_, key) => {
      let sum = 0;
      for (let c = 0; c < dim; c++)
        sum += q.values[(object * cells + token) * dim + c] * k.values[(object * keys + key) * dim + c];
      return sum / Math.sqrt(dim);
    });
    const total = logits.reduce((sum, value) => sum + Math.exp(value), 0);
    expect(picked).toHaveLength(keys);
    for (const [key, value] of picked.entries()) expect(value).toBeCloseTo(Math.exp(logits[key]) / total, 6);

    // Memories of slices 1, 2 and 3, and their pointers, of several tokens each.
    const remembered = remember(state.values.bank, QUERY, false, { ...model.config, frameCount: 6 });
    const { frames } = memoryLook(picked, remembered, cells);
    expect(frames.map(({ frame }) => frame)).toEqual([1, 2, 3]);
    expect(frames.reduce((sum, { share, pointerShare }) => sum + share + pointerShare, 0)).toBeCloseTo(1, 5);
    expect(frames[0].values).toEqual(picked.slice(0, cells)); // prompted slices come first
    expect(frames[0].pointerShare).toBeGreaterThan(0);
    const more = { ...remembered, spatial: [...remembered.spatial, { frame: 0 }] };
    expect(() => memoryLook(picked, more, cells)).toThrow(/keys are not 4 memories/);
  });

  it("reads scores that are too large for one tensor row by row", () => {
    tf.tidy(() => {
      const [q, k] = [1, 2].map((seed) => tf.randomNormal<tf.Rank.R3>([4, 5, 8], 0, 1, "float32", seed));
      const byRows = new Scores({ q, k });
      const whole = tf
        .concat(Array.from({ length: 4 }, (_, group) => byRows.rows(group, 0, 5)))
        .reshape([2, 2, 5, 5]);
      const [a, b] = [byRows, whole].map((value) => (lookOfToken(1, 3, 2)(value) as tf.Tensor).dataSync());
      for (const [n, value] of a.entries()) expect(value).toBeCloseTo(b[n], 6);
    });
  });
});
