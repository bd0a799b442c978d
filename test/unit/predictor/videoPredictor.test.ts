import { deserialize, serialize } from "node:v8";
import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.node.js";
import type { PixelImage } from "../../../src/image/pixels.js";
import type { Sam2Config } from "../../../src/model/sam2/config.js";
import { Sam2 } from "../../../src/model/sam2/sam2.js";
import {
  Sam2VideoPredictor,
  type VideoFrameMasks,
  type VideoPredictorOptions,
} from "../../../src/predictor/videoPredictor.js";
import type { VideoFrames, VideoState, VideoValues } from "../../../src/predictor/videoState.js";
import { seededParameters } from "../../../src/weights/paramScope.js";

const TINIEST: Sam2Config = {
  family: "sam2",
  imageSize: 32,
  patchSize: 16,
  imageEncoder: {
    type: "Hiera",
    embedDim: 4,
    numHeads: 1,
    stages: [1, 1, 1, 1],
    globalAttBlocks: [2],
    windowPosEmbedBkgSpatialSize: [2, 2],
    windowSpec: [8, 4, 2, 1],
  },
  promptEmbedDim: 32,
  maskInChans: 16,
  maskDecoder: {
    depth: 1,
    numHeads: 2,
    mlpDim: 8,
    numMultimaskOutputs: 3,
    iouHeadDepth: 2,
    iouHeadHiddenDim: 8,
  },
  memoryAttention: { numLayers: 1, dimFeedforward: 8 },
  memoryEncoder: { outDim: 8, numLayers: 1 },
  numMaskmem: 3,
  maxObjPtrsInEncoder: 4,
};
const SIZE = { width: 24, height: 20 };

let model: Sam2;
let predictor: Sam2VideoPredictor;
let reads: number[];

/** Frames of noise. */
function video(count: number): VideoFrames {
  return {
    ...SIZE,
    count,
    read(index): PixelImage {
      reads.push(index);
      const data = Uint8Array.from(
        { length: SIZE.width * SIZE.height },
        (_, n) => ((n * 7919 + index * 104729) % 251) + 2,
      );
      return { ...SIZE, channels: 1, data };
    },
  };
}

function usePredictor(options: VideoPredictorOptions = {}): Sam2VideoPredictor {
  void predictor?.dispose();
  predictor = new Sam2VideoPredictor(model, { returnLogits: true, ...options });
  return predictor;
}

async function propagate(state: VideoState, options = {}): Promise<Map<number, VideoFrameMasks>> {
  const found = new Map<number, VideoFrameMasks>();
  for await (const masks of predictor.propagateInVideo(state, options)) found.set(masks.frame, masks);
  return found;
}

const box = (frame: number, object = 1) => ({ frame, object, box: [4, 4, 16, 15] as const });
const click = (frame: number, object = 1) => ({ frame, object, points: [[9, 9]], labels: [1] }) as const;
const emptyMask = { ...SIZE, data: new Uint8Array(SIZE.width * SIZE.height) };

beforeAll(() => useBackend("wasm"));
beforeEach(() => {
  model = new Sam2(seededParameters(1), TINIEST);
  reads = [];
  usePredictor();
});
afterEach(async () => {
  await predictor.dispose();
  model.dispose();
  expect(tf.memory().numTensors).toBe(0);
});

describe("what is known of a video", () => {
  it("is forgotten on the way where asked, with the same masks", async () => {
    for (const reverse of [false, true]) {
      const state = predictor.initState(video(12));
      await predictor.addNewPointsOrBox(state, box(reverse ? 11 : 0));
      const whole = await propagate(state, { reverse });
      expect(state.values.bank.tracked.size).toBe(11);
      const short = predictor.initState(video(12));
      await predictor.addNewPointsOrBox(short, box(reverse ? 11 : 0));
      expect(await propagate(short, { reverse, forget: true })).toEqual(whole);
      expect(short.values.bank.tracked.size).toBe(TINIEST.maxObjPtrsInEncoder);
      expect(short.values.tracked.size).toBe(TINIEST.maxObjPtrsInEncoder);
      expect([...short.values.bank.prompted.keys()]).toEqual([reverse ? 11 : 0]);
    }
  });

  it("is plain values: written to a file and read back, it goes on with the same numbers", async () => {
    const state = predictor.initState(video(8));
    await predictor.addNewPointsOrBox(state, box(1));
    await predictor.addNewPointsOrBox(state, click(3, 2));
    const iterator = predictor.propagateInVideo(state);
    for (let n = 0; n < 4; n++) await iterator.next();
    await iterator.return();
    const saved = serialize(state.values);

    const on = await propagate(state);
    usePredictor();
    const restored = predictor.initState(video(8), deserialize(saved) as VideoValues);
    expect(await propagate(restored)).toEqual(on);
  });

  it("stays as it is when a call fails", async () => {
    const good = video(4);
    const frames = { ...good, read: (n: number) => (n === 2 ? { ...SIZE, width: 5, channels: 1 as const, data: new Uint8Array(100) } : good.read(n)) }; // prettier-ignore
    const state = predictor.initState(frames);
    await predictor.addNewPointsOrBox(state, box(0));
    const before = state.values;
    await expect(predictor.addNewPointsOrBox(state, box(2, 7))).rejects.toThrow(
      "frame 2 is 5 x 20; expected 24 x 20, the size of all frames of this video",
    );
    expect(state.values).toBe(before);
    await expect(propagate(state)).rejects.toThrow("frame 2 is 5 x 20");
    expect([...state.values.tracked.keys()]).toEqual([0, 1]);
  });

  it("stays when a propagation is stopped, and is gone on from", async () => {
    const state = predictor.initState(video(6));
    await predictor.addNewPointsOrBox(state, box(0));
    const stop = new AbortController();
    const seen: number[] = [];
    const shares: number[] = [];
    const run = async () => {
      const options = { signal: stop.signal, onProgress: (share: number) => shares.push(share) };
      for await (const { frame } of predictor.propagateInVideo(state, options)) {
        seen.push(frame);
        if (frame === 2) stop.abort(new Error("enough"));
      }
    };
    await expect(run()).rejects.toThrow("enough");
    expect(seen).toEqual([0, 1, 2]);
    expect([...state.values.bank.tracked.keys()]).toEqual([1, 2]);
    expect(shares).toEqual([1 / 6, 2 / 6, 3 / 6]);
    expect([...(await propagate(state, { startFrame: 3 })).keys()]).toEqual([3, 4, 5]);
  });

  it("holds memories of a few frames only, and no tensors, however long the video is", async () => {
    usePredictor({ keepBytes: 0 });
    const state = predictor.initState(video(30));
    await predictor.addNewPointsOrBox(state, box(2));
    const held = tf.memory().numTensors;
    let most = 0;
    for await (const { frame } of predictor.propagateInVideo(state)) {
      const { tracked } = state.values.bank;
      most = Math.max(most, [...tracked.values()].filter(({ spatial }) => spatial !== undefined).length);
      expect(tf.memory().numTensors, `frame ${frame}`).toBe(held);
    }
    expect(state.values.bank.tracked.size).toBe(27);
    expect(most).toBeLessThanOrEqual(2 * TINIEST.numMaskmem);
  });

  it("computes dropped memories again, with the same numbers", async () => {
    const state = predictor.initState(video(16));
    await predictor.addNewPointsOrBox(state, box(0));
    const spatial = new Map<number, Float32Array>();
    for await (const { frame } of predictor.propagateInVideo(state))
      if (frame > 0) spatial.set(frame, state.values.bank.tracked.get(frame)!.spatial!);
    expect(state.values.bank.tracked.get(8)!.spatial).toBeUndefined();
    const { bank } = state.values;
    const tracked = new Map([...bank.tracked].map(([frame, record]) => [frame, { ...record, spatial: spatial.get(frame)! }])); // prettier-ignore
    const all = predictor.initState(state.frames, { ...state.values, bank: { ...bank, tracked } });
    const dropped = await predictor.addNewPointsOrBox(state, click(9));
    expect(await predictor.addNewPointsOrBox(all, click(9))).toEqual(dropped);
  });
});

describe("prompts", () => {
  it("of one object can be taken back before anything is tracked, and the others stay", async () => {
    const state = predictor.initState(video(4));
    await predictor.addNewPointsOrBox(state, box(1));
    await predictor.addNewPointsOrBox(state, click(2));
    const left = await predictor.clearAllPromptsInFrame(state, { frame: 2, object: 1 });
    expect(left.objects[0].objectScore).toBeUndefined();
    expect(left.objects[0].mask.data.some((value) => value !== 0)).toBe(false);
    expect([...(await propagate(state)).keys()]).toEqual([1, 2, 3]);
  });

  it("that correct a prompted frame after a propagation count in the next one", async () => {
    const state = predictor.initState(video(4));
    await predictor.addNewPointsOrBox(state, box(1));
    await propagate(state);
    const corrected = await predictor.addNewPointsOrBox(state, click(1));
    const after = await propagate(state);
    expect(after.get(1)).toEqual(corrected);
    expect([...state.values.bank.prompted.keys()]).toEqual([1]);
  });

  it("of several objects share the features of a frame", async () => {
    const state = predictor.initState(video(5));
    for (const object of [4, 2, 9]) await predictor.addNewPointsOrBox(state, click(0, object));
    const found = await propagate(state);
    expect([...found.get(4)!.objects].map(({ object }) => object)).toEqual([4, 2, 9]);
    expect(reads).toEqual([0, 1, 2, 3, 4]);
  });

  it("may overlap: calls run one after the other", async () => {
    const state = predictor.initState(video(3));
    const calls = [box(0), click(0, 2), click(1, 3)].map((prompt) =>
      predictor.addNewPointsOrBox(state, prompt),
    );
    expect((await Promise.all(calls)).map(({ objects }) => objects.length)).toEqual([1, 2, 3]);
    expect(state.values.objects).toEqual([1, 2, 3]);
  });

  it("say that an object is not there by an empty mask", async () => {
    const state = predictor.initState(video(3));
    const { objects } = await predictor.addNewMask(state, { frame: 1, object: 5, mask: emptyMask });
    expect(objects[0].objectScore).toBe(-10);
    expect(objects[0].mask).toEqual(emptyMask);
  });

  it("are forgotten by a reset, and an object that is taken out leaves the others", async () => {
    const state = predictor.initState(video(4));
    for (const object of [1, 2]) await predictor.addNewPointsOrBox(state, click(1, object));
    const both = await propagate(state);
    const shown = await predictor.removeObject(state, 1);
    expect(shown.map(({ frame, objects }) => [frame, objects.map(({ object }) => object)])).toEqual([
      [1, [2]],
    ]);
    expect(shown[0].objects[0]).toEqual(both.get(1)!.objects[1]);
    await predictor.resetState(state);
    expect(state.values.objects).toEqual([]);
    await expect(predictor.removeObject(state, 2)).rejects.toThrow(
      "there is no object 2; no object has been prompted yet",
    );
  });
});

it("gives a pixel to one object alone where that is asked for", async () => {
  usePredictor({ nonOverlapMasks: true, fillHoleArea: 0 });
  const state = predictor.initState(video(2));
  const mask = { ...SIZE, data: emptyMask.data.map((_, n) => (n % SIZE.width < 12 ? 1 : 0)) };
  await predictor.addNewMask(state, { frame: 0, object: 1, mask });
  const { objects } = await predictor.addNewMask(state, { frame: 0, object: 2, mask });
  const [first, second] = objects.map(({ mask: found }) => found.data);
  expect(first.some((value) => value === 1)).toBe(true);
  expect(first.some((value, n) => value === 1 && second[n] === 1)).toBe(false);
});

describe("what cannot be is one clear error", () => {
  const refused = async (run: (state: VideoState) => Promise<unknown>, message: string) => {
    const state = predictor.initState(video(3));
    await expect(run(state)).rejects.toThrow(message);
    expect(state.values.objects).toEqual([]);
  };

  it.each<[string, (state: VideoState) => Promise<unknown>, string]>([
    ["a prompt on no frame", (s) => predictor.addNewPointsOrBox(s, box(3)), "there is no frame 3; expected 0 to 2"],
    ["half a frame", (s) => predictor.addNewPointsOrBox(s, box(0.5)), "there is no frame 0.5"],
    ["a click outside the frame", (s) => predictor.addNewPointsOrBox(s, { frame: 0, object: 1, points: [[25, 3]], labels: [1] }), "point 1 at [25, 3] lies outside"],
    ["a click without a label", (s) => predictor.addNewPointsOrBox(s, { frame: 0, object: 1, points: [[5, 3]] }), "1 points with 0 labels"],
    ["no prompt at all", (s) => predictor.addNewPointsOrBox(s, { frame: 0, object: 1 }), "empty prompt"],
    ["a box to points that are kept", (s) => predictor.addNewPointsOrBox(s, { ...box(0), clearOldPoints: false }), "a box comes before all points"],
    ["a mask of another size", (s) => predictor.addNewMask(s, { frame: 0, object: 1, mask: { width: 2, height: 2, data: new Uint8Array(4) } }), "mask is 2 x 2 with 4 values; expected 24 x 20"],
    ["propagation without a prompt", (s) => propagate(s), "nothing is prompted"],
    ["clearing an object that is not there", (s) => predictor.clearAllPromptsInFrame(s, { frame: 0, object: 3 }), "there is no object 3"],
  ])("%s", (_, run, message) => refused(run, message)); // prettier-ignore

  it("a video of no frames", () => {
    expect(() => predictor.initState(video(0))).toThrow("a video of 0 frames; expected at least one");
  });

  it("a new object after a propagation has begun", async () => {
    const state = predictor.initState(video(2));
    await predictor.addNewPointsOrBox(state, box(0));
    await propagate(state);
    await expect(predictor.addNewPointsOrBox(state, box(0, 2))).rejects.toThrow(
      "object 2 is new, and objects 1 are being tracked already; reset the state",
    );
  });

  it("weights that are not numbers", async () => {
    const { value } = model.namedParameters().get("obj_ptr_proj.layers.0.bias")!;
    tf.tidy(() => value.assign(value.mul(NaN)));
    await refused((state) => predictor.addNewPointsOrBox(state, box(0)), "not numbers (NaN)");
  });

  it("a predictor, or a model, that is disposed", async () => {
    const state = predictor.initState(video(2));
    await predictor.dispose();
    await expect(predictor.addNewPointsOrBox(state, box(0))).rejects.toThrow("the predictor is disposed");
    usePredictor();
    model.dispose();
    await expect(predictor.addNewPointsOrBox(state, box(0))).rejects.toThrow("the model is disposed");
  });
});
