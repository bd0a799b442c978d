import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../../src/backend/useBackend.node.js";
import type { WasmAllocator } from "../../../../src/backend/wasmOutOfMemory.js";
import type { PixelImage } from "../../../../src/image/pixels.js";
import type { Sam2 } from "../../../../src/model/sam2/sam2.js";
import type { MemorySteps } from "../../../../src/predictor/presets.js";
import { MEDSAM2_INFER_3D_CT, SAM2_IMAGE_PREDICTOR } from "../../../../src/predictor/presetTable.js";
import { Sam2VideoPredictor } from "../../../../src/predictor/videoPredictor.js";
import type { Frames } from "../../../../src/predictor/volume/frames.js";
import { segmentVolume, UnfinishedVolumeError } from "../../../../src/predictor/volume/segmentVolume.js";
import { MemoryTracker } from "../../../../src/predictor/volume/memoryTracker.js";
import type { TrackedMask } from "../../../../src/predictor/volume/tracker.js";
import { boxPrompts, type VolumeObject } from "../../../../src/predictor/volume/volumeObject.js";
import { piecesOf } from "../../../../src/volume/pieces.js";
import type { Volume } from "../../../../src/volume/volume.js";
import { readFixture } from "../../../parity/fixture.js";
import { loadSam2 } from "../../../parity/sam2Cases.js";

const [WIDTH, HEIGHT, COUNT] = [30, 40, 5];
const BOX = [5, 8, 20, 31] as const;

/** Slices that are all different, and how often each was read. */
function slices() {
  const reads = new Array<number>(COUNT).fill(0);
  const read = (slice: number) => {
    reads[slice]++;
    const data = Uint8Array.from(
      { length: WIDTH * HEIGHT },
      (_, i) => (37 * i + 101 * slice * (i % 13)) % 256,
    );
    return { width: WIDTH, height: HEIGHT, channels: 1, data } satisfies PixelImage;
  };
  return { name: "slices", count: COUNT, width: WIDTH, height: HEIGHT, read, reads };
}

const steps = (changed: Partial<MemorySteps>) => ({
  ...MEDSAM2_INFER_3D_CT,
  memory: { ...MEDSAM2_INFER_3D_CT.memory!, largestPiece: false, ...changed },
});

let model: Sam2;
beforeAll(async () => {
  await useBackend("wasm");
  model = loadSam2(readFixture("sam2-frame"));
});
afterAll(() => model.dispose());

async function track(
  objects: readonly VolumeObject[],
  { frames = slices(), ...changed }: Partial<MemorySteps> & { frames?: Frames } = {},
): Promise<TrackedMask[]> {
  const before = tf.memory().numTensors;
  const predictor = new Sam2VideoPredictor(model, { preset: steps(changed), fillHoleArea: 0 });
  const found: TrackedMask[] = [];
  for await (const one of new MemoryTracker(predictor).track(frames, objects)) found.push(one);
  await predictor.dispose();
  expect(tf.memory().numTensors).toBe(before);
  return found.sort((a, b) => a.object - b.object || a.slice - b.slice);
}

const inSlices = (...boxes: number[]): VolumeObject => ({
  label: 1,
  prompts: boxPrompts(boxes.map((slice) => [slice, BOX])),
});
const point = (x: number, y: number, label: 0 | 1) => ({
  pointCoords: [[x, y]] as const,
  pointLabels: [label] as const,
});
const clicked: VolumeObject = { label: 2, prompts: new Map([[2, point(22, 11, 1)]]) };
const pixels = (found: readonly TrackedMask[]) => found.map(({ mask }) => [...mask.data]);

describe("an object followed by memory", () => {
  let plain: readonly TrackedMask[];
  beforeAll(async () => {
    plain = await track([inSlices(2)]);
  });

  it("is found in all slices as the predictor finds it: forwards, and from the same prompt backwards", async () => {
    expect(plain.map(({ slice }) => slice)).toEqual([0, 1, 2, 3, 4]);
    expect(plain.filter(({ prompted }) => prompted)).toMatchObject([{ slice: 2, box: BOX }]);
    const predictor = new Sam2VideoPredictor(model, { preset: steps({}), fillHoleArea: 0 });
    const expected = new Map<number, number[]>();
    for (const reverse of [false, true]) {
      const state = predictor.initState(slices());
      await predictor.addNewPointsOrBox(state, { frame: 2, object: 1, box: BOX });
      for await (const { frame, objects } of predictor.propagateInVideo(state, { reverse }))
        expected.set(frame, [...objects[0].mask.data]);
    }
    await predictor.dispose();
    for (const { slice, mask, score, objectScore } of plain) {
      expect([...mask.data]).toEqual(expected.get(slice));
      expect(score).toBeGreaterThan(0);
      expect(objectScore).toBeGreaterThan(0);
    }
  });

  it("is the same with others beside it, which are prompted in the same slice and elsewhere", async () => {
    const frames = slices();
    const together = await track([inSlices(2), clicked, inSlices(3)], { frames });
    const own = (index: number) => pixels(together.filter(({ object }) => object === index));
    expect(own(0)).toEqual(pixels(plain));
    expect(own(1)).toEqual(pixels(await track([clicked])));
    expect(own(2)).toEqual(pixels(await track([inSlices(3)])));
    // Each slice is encoded once for all.
    expect(frames.reads).toEqual([1, 1, 1, 1, 1]);
  });

  it("stays within its slices, and reads no others", async () => {
    const frames = slices();
    const found = await track([{ ...inSlices(2), within: [1, 3] }], { frames });
    expect(found.map(({ slice }) => slice)).toEqual([1, 2, 3]);
    expect(frames.reads).toEqual([0, 1, 1, 1, 0]);
    expect(pixels(found)).toEqual(pixels(plain.slice(1, 4)));
  });

  it("knows all its prompted slices from the start, also backwards", async () => {
    const both = await track([{ ...inSlices(2, 4), within: [1, 4] }]);
    expect(both.filter(({ prompted }) => prompted).map(({ slice }) => slice)).toEqual([2, 4]);
    expect(pixels(both)[0]).not.toEqual(pixels(plain)[1]);
    expect(pixels(both)[2]).not.toEqual(pixels(plain)[3]);
  });

  it("is corrected by a point outside it alone, there and beyond, as by a click after tracking", async () => {
    const prompts = new Map([...inSlices(2).prompts, [3, point(12, 20, 0)] as const]);
    const found = pixels(await track([{ label: 1, prompts, within: [2, 4] }]));
    expect(found[0]).toEqual(pixels(plain)[2]);
    for (const slice of [3, 4]) expect(found[slice - 2]).not.toEqual(pixels(plain)[slice]);

    const predictor = new Sam2VideoPredictor(model, { preset: steps({}), fillHoleArea: 0 });
    const state = predictor.initState(slices());
    const all = async () => {
      const masks: number[][] = [];
      for await (const { objects } of predictor.propagateInVideo(state))
        masks.push([...objects[0].mask.data]);
      return masks;
    };
    await predictor.addNewPointsOrBox(state, { frame: 2, object: 1, box: BOX });
    await all();
    await predictor.addNewPointsOrBox(state, { frame: 3, object: 1, points: [[12, 20]], labels: [0] });
    expect(found).toEqual(await all());
    await predictor.dispose();
  });

  it("keeps a mask as it was drawn, and with maskFirst follows what a box finds as a mask", async () => {
    const { mask } = plain[2];
    const drawn = await track([{ label: 1, prompts: new Map([[2, { mask }]]), within: [2, 3] }]);
    expect(drawn[0]).toMatchObject({ mask, score: 1 });
    const [, first] = await track([{ ...inSlices(2), within: [2, 3] }], { maskFirst: true });
    expect(first.mask).toEqual(drawn[1].mask);
    expect(first.mask).not.toEqual(plain[3].mask);
  });

  it("keeps its largest piece where the preset says so", async () => {
    const object: VolumeObject = { label: 1, prompts: new Map([[1, point(22, 11, 1)]]), within: [0, 2] };
    const all = await track([object]);
    const found = await track([object], { largestPiece: true });
    expect(found.map(({ slice }) => slice)).toEqual([0, 1, 2]);
    const solid = (masks: readonly TrackedMask[]) => masks.flatMap(({ mask }) => [...mask.data]);
    const { numbers, sizes } = piecesOf([WIDTH, HEIGHT, 3], solid(all));
    expect(sizes.length).toBeGreaterThan(1);
    const largest = 1 + sizes.indexOf(Math.max(...sizes));
    expect(solid(found)).toEqual([...numbers].map((n) => (n === largest ? 1 : 0)));
  });

  it("refuses points outside the object alone, and presets of single images", async () => {
    const only: VolumeObject = { label: 4, prompts: new Map([[3, point(2, 2, 0)]]) };
    await expect(track([only])).rejects.toThrow(
      /slices: object 4: only points outside the object; give a box, a mask/,
    );
    expect(() => new Sam2VideoPredictor(model, { preset: SAM2_IMAGE_PREDICTOR })).toThrow(
      /preset SAM2ImagePredictor is for single images/,
    );
  });

  it("gives what was found before memory ran out, and frees everything", async () => {
    const before = tf.memory().numTensors;
    const predictor = new Sam2VideoPredictor(model, { preset: steps({ largestPiece: true }) });
    const { wasm } = tf.backend() as unknown as WasmAllocator;
    const taken: number[] = [];
    const fill = (bytes: number) => {
      try {
        for (;;) taken.push(wasm._malloc(bytes));
      } catch {
        if (bytes > 1024) fill(bytes / 4);
      }
    };
    const { read } = slices();
    const volume: Volume = {
      ...{ name: "v", size: [WIDTH, HEIGHT, COUNT], frames: 1, channels: 1, slope: 1, intercept: 0 },
      ...{
        warnings: [],
        data: Uint8Array.from(Array.from({ length: COUNT }, (_, k) => [...read(k).data]).flat()),
      },
    };
    const onProgress = (share: number) => share > 0.3 && taken.length === 0 && fill(2 ** 28);
    const run = segmentVolume(new MemoryTracker(predictor), volume, [inSlices(2)], { onProgress });
    const error = await run.catch((thrown: unknown) => thrown as UnfinishedVolumeError);
    for (const place of taken) wasm._free(place);
    expect(error).toBeInstanceOf(UnfinishedVolumeError);
    expect(error).toMatchObject({
      message: expect.stringContaining("out of memory") as string,
      cause: { name: "OutOfMemoryError" },
    });
    const { found } = error as UnfinishedVolumeError;
    expect(found.objects[0].slices.map(({ slice }) => slice)).toEqual([2, 3]);
    expect(found.labels.data.some((label) => label === 1)).toBe(true);
    await predictor.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it("stops when told to, gives what was found, and frees everything", async () => {
    const before = tf.memory().numTensors;
    const stop = new AbortController();
    const predictor = new Sam2VideoPredictor(model, { preset: steps({ largestPiece: true }) });
    const onProgress = (share: number) => share > 0.3 && stop.abort(new Error("enough"));
    const found: number[] = [];
    const run = async () => {
      const call = { signal: stop.signal, onProgress };
      for await (const { slice } of new MemoryTracker(predictor).track(slices(), [inSlices(2)], call)) found.push(slice); // prettier-ignore
    };
    await expect(run()).rejects.toThrow("enough");
    expect(found).toEqual([2, 3]);
    await predictor.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
