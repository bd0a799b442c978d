import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.node.js";
import { loadMedSam } from "../../../src/loadMedSam.node.js";
import type { Sam } from "../../../src/model/sam.js";
import { MemoryEmbeddingCache } from "../../../src/predictor/embeddingCache.js";
import { objectsFromLabels } from "../../../src/predictor/objectsFromLabels.js";
import { SamPredictor } from "../../../src/predictor/samPredictor.js";
import { segmentVolume } from "../../../src/predictor/segmentVolume.js";
import type { VolumeObject } from "../../../src/predictor/volumeObject.js";
import type { Axis } from "../../../src/volume/values.js";
import type { LabelVolume, Volume } from "../../../src/volume/volume.js";

/** An ellipsoid off the centre, brighter than what is around it, in a volume of unequal sides. */
const SIZE = [60, 48, 40] as const;
const CENTRE = [22, 27, 17];
const RADII = [13, 10, 8];

function inside(x: number, y: number, z: number): boolean {
  return [x, y, z].reduce((sum, at, axis) => sum + ((at - CENTRE[axis]) / RADII[axis]) ** 2, 0) <= 1;
}

function each<T extends Uint8Array>(data: T, value: (x: number, y: number, z: number) => number): T {
  const [width, height] = SIZE;
  for (let i = 0; i < data.length; i++)
    data[i] = value(i % width, Math.floor(i / width) % height, Math.floor(i / width / height));
  return data;
}

const count = SIZE[0] * SIZE[1] * SIZE[2];
const volume: Volume = {
  ...{ name: "ellipsoid", size: SIZE, frames: 1, channels: 1, slope: 1, intercept: 0, warnings: [] },
  data: each(
    new Uint8Array(count),
    (x, y, z) => (inside(x, y, z) ? 170 : 70) + ((7 * x + 11 * y + 5 * z) % 9),
  ),
};
const truth: LabelVolume = {
  size: SIZE,
  data: each(new Uint8Array(count), (x, y, z) => (inside(x, y, z) ? 1 : 0)),
};

function overlap(labels: LabelVolume, label: number): number {
  let [both, sum] = [0, 0];
  labels.data.forEach((value, i) => {
    const found = value === label;
    both += found && truth.data[i] ? 1 : 0;
    sum += (found ? 1 : 0) + (truth.data[i] ? 1 : 0);
  });
  return (2 * both) / sum;
}

let model: Sam;
beforeAll(async () => {
  await useBackend("wasm");
  model = await loadMedSam();
});
afterAll(() => model.dispose());

describe("an object in a volume", () => {
  it.each([0, 1, 2] as const)("is followed both ways along axis %i to where it ends", async (axis: Axis) => {
    const tensors = tf.memory().numTensors;
    const predictor = new SamPredictor(model);
    const [{ label, boxes }] = objectsFromLabels(truth, { axis });
    const shares: number[] = [];
    const { labels, objects } = await segmentVolume(predictor, volume, [{ label, boxes }], {
      axis,
      onProgress: (share) => shares.push(share),
    });
    const [{ slices }] = objects;
    const [middle] = boxes.keys();
    expect(middle).toBe(CENTRE[axis]);
    expect(slices.filter(({ prompted }) => prompted).map(({ slice }) => slice)).toEqual([middle]);
    // It stops within three slices of the tips, which are a few pixels wide.
    const found = slices.map(({ slice }) => slice);
    for (const side of [-1, 1])
      expect(Math.abs((side < 0 ? found[0] : found.at(-1)!) - (middle + side * RADII[axis]))).toBeLessThan(4);
    expect(found).toEqual(Array.from({ length: found.length }, (_, n) => found[0] + n));
    expect(overlap(labels, label)).toBeGreaterThan(0.85);
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    await predictor.dispose();
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it("stays within its slices, and takes a box in each where there is one", async () => {
    const predictor = new SamPredictor(model);
    const [every] = objectsFromLabels(truth, { slices: "every", margin: 1 });
    const [first, last] = every.within!;
    expect(every.boxes.size).toBe(last - first + 1);
    const few: VolumeObject = { label: 300, boxes: new Map([[17, every.boxes.get(17)!]]), within: [15, 18] };
    const { labels, objects } = await segmentVolume(predictor, volume, [every, few]);
    expect(objects[0].slices.every(({ prompted }) => prompted)).toBe(true);
    expect(objects[1].slices.map(({ slice }) => slice)).toEqual([15, 16, 17, 18]);
    expect(labels.data).toBeInstanceOf(Uint16Array);
    // The later object covers the earlier one where both are.
    const area = SIZE[0] * SIZE[1];
    const inSlice = (slice: number) => new Set(labels.data.subarray(slice * area, (slice + 1) * area));
    expect(inSlice(14)).toEqual(new Set([0, 1]));
    expect(inSlice(16).has(300)).toBe(true);
    await predictor.dispose();
  });

  it("shares a slice's encoding with the others that pass it", async () => {
    const predictor = new SamPredictor(model);
    const steps = vi.spyOn(model.imageEncoder, "steps");
    const [{ boxes }] = objectsFromLabels(truth);
    const [box] = boxes.values();
    const objects = [15, 17, 19].map((slice, n) => ({
      ...{ label: n + 1, boxes: new Map([[slice, box]]), within: [14, 20] as const },
    }));
    await segmentVolume(predictor, volume, objects);
    expect(steps.mock.calls.length).toBe(7);
    steps.mockClear();
    await segmentVolume(predictor, volume, objects, { keepBytes: 0 });
    expect(steps.mock.calls.length).toBeGreaterThan(7);
    steps.mockRestore();
    await predictor.dispose();
  });

  it("embeddings that were kept are not computed again, whatever the order", async () => {
    const cache = new MemoryEmbeddingCache(2 ** 28);
    const [{ label, boxes }] = objectsFromLabels(truth);
    const object = { label, boxes, within: [16, 18] as const };
    const tensors = tf.memory().numTensors;
    const results = [];
    for (const keep of [undefined, cache, cache]) {
      const predictor = new SamPredictor(model, keep && { cache: keep });
      const steps = vi.spyOn(model.imageEncoder, "steps");
      const { labels } = await segmentVolume(predictor, volume, [object]);
      results.push({ labels: labels.data, encoded: steps.mock.calls.length });
      steps.mockRestore();
      await predictor.dispose();
    }
    expect(results.map(({ encoded }) => encoded)).toEqual([3, 3, 0]);
    for (const { labels } of results) expect(labels).toEqual(results[0].labels);
    expect(tf.memory().numTensors).toBe(tensors);
    // Other weights are other embeddings.
    const other = await loadMedSam();
    const [kernel] = other.imageEncoder.namedParameters().values();
    const scaled = kernel.value.mul(1.01);
    kernel.value.assign(scaled);
    scaled.dispose();
    const predictor = new SamPredictor(other, { cache });
    const steps = vi.spyOn(other.imageEncoder, "steps");
    await segmentVolume(predictor, volume, [object]);
    expect(steps.mock.calls.length).toBe(3);
    await predictor.dispose();
    other.dispose();
  });

  it("a margin in mm follows the spacing, and needs one", async () => {
    const predictor = new SamPredictor(model);
    const [{ label, boxes }] = objectsFromLabels(truth);
    const spaced: Volume = { ...volume, pixelSpacing: [0.5, 0.5], sliceSpacing: 2 };
    const { objects } = await segmentVolume(predictor, spaced, [{ label, boxes, within: [17, 18] }], { margin: { mm: 3 } }); // prettier-ignore
    const narrow = await segmentVolume(predictor, spaced, [{ label, boxes, within: [17, 18] }], { margin: { mm: 0.5 } }); // prettier-ignore
    const wide = objects[0].slices[1].box;
    narrow.objects[0].slices[1].box.forEach((side, i) => expect(Math.abs(wide[i] - side)).toBe(5));
    await expect(segmentVolume(predictor, volume, [{ label, boxes }], { margin: { mm: 3 } })).rejects.toThrow("ellipsoid: has no pixel spacing"); // prettier-ignore
    await predictor.dispose();
  });

  it("voxels that are longer along the slices: the plane across is shown as it is", async () => {
    // Every fourth slice of the ellipsoid, four times as far apart.
    const [width, height, depth] = [SIZE[0], SIZE[1], SIZE[2] / 4];
    const area = width * height;
    const thinned = (all: Uint8Array) => Uint8Array.from({ length: area * depth }, (_, i) => all[Math.floor(i / area) * 4 * area + (i % area)]); // prettier-ignore
    const size = [width, height, depth] as const;
    const coarse: Volume = { ...volume, size, data: thinned(volume.data as Uint8Array), pixelSpacing: [1, 1], sliceSpacing: 4 }; // prettier-ignore
    const real = thinned(truth.data as Uint8Array);
    const [{ label, boxes }] = objectsFromLabels({ size, data: real }, { axis: 1, leastPixels: 1 });
    const predictor = new SamPredictor(model, { crop: 2 });
    const setImage = vi.spyOn(SamPredictor.prototype, "setImage");
    const within = [CENTRE[1] - 1, CENTRE[1] + 1] as const;
    const { labels } = await segmentVolume(predictor, coarse, [{ label, boxes, within }], { axis: 1 });
    expect(setImage.mock.calls[0][0]).toMatchObject({ width, height: 4 * depth });
    setImage.mockRestore();
    let [both, sum] = [0, 0];
    labels.data.forEach((value, i) => {
      const y = Math.floor(i / width) % height;
      if (y < within[0] || y > within[1]) return;
      both += value && real[i] ? 1 : 0;
      sum += (value ? 1 : 0) + real[i];
    });
    expect((2 * both) / sum).toBeGreaterThan(0.8);
    await predictor.dispose();
  });

  it("can be stopped, and frees what it held", async () => {
    const tensors = tf.memory().numTensors;
    const predictor = new SamPredictor(model);
    const stop = new AbortController();
    const running = segmentVolume(predictor, volume, objectsFromLabels(truth), {
      signal: stop.signal,
      onProgress: (share) => share > 0.2 && stop.abort(new Error("enough")),
    });
    await expect(running).rejects.toThrow("enough");
    await predictor.dispose();
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it.each([
    [{ label: 0, boxes: new Map([[3, [1, 1, 9, 9]]]) }, /object 0 is no label; expected 1 to 65535/],
    [{ label: 1, boxes: new Map() }, /object 1 has no box/],
    [{ label: 1, boxes: new Map([[40, [1, 1, 9, 9]]]) }, /has a box in slice 40; expected one of 0 to 39/],
    [{ label: 1, boxes: new Map([[4, [90, 1, 99, 9]]]) }, /box \[90,1,99,9\] lies wholly outside/],
    [{ label: 1, boxes: new Map([[4, [1, 1, 9, 9]]]), within: [3, 40] }, /may reach slices 3 to 40/],
  ] as [VolumeObject, RegExp][])("that cannot be is refused: %#", async (object, message) => {
    await expect(segmentVolume(new SamPredictor(model), volume, [object])).rejects.toThrow(message);
  });
});
