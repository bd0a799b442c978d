import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { useBackend } from "../../../../src/backend/useBackend.node.js";
import { loadMedSam } from "../../../../src/loadMedSam.node.js";
import type { Mask } from "../../../../src/image/mask.js";
import type { Sam } from "../../../../src/model/sam.js";
import { MemoryEmbeddingCache } from "../../../../src/predictor/embeddingCache.js";
import { BoxTracker } from "../../../../src/predictor/volume/boxTracker.js";
import { objectsFromLabels, objectsFromMasks } from "../../../../src/predictor/volume/objectsFromLabels.js";
import { SamPredictor } from "../../../../src/predictor/samPredictor.js";
import { segmentVolume } from "../../../../src/predictor/volume/segmentVolume.js";
import { volumeFrames } from "../../../../src/predictor/volume/frames.js";
import type { TrackedMask } from "../../../../src/predictor/volume/tracker.js";
import { boxPrompts, type VolumeObject } from "../../../../src/predictor/volume/volumeObject.js";
import type { Axis } from "../../../../src/volume/values.js";
import type { LabelVolume, Volume } from "../../../../src/volume/volume.js";

/** An ellipsoid off the centre, brighter than what is around it, in a volume of unequal sides. */
const SIZE = [60, 48, 40] as const;
const CENTRE = [22, 27, 17];
const RADII = [9, 8, 6];

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

/** Dice of a label, in some slices. */
function overlap(labels: LabelVolume, label: number, [first, last] = [0, SIZE[2] - 1]): number {
  let [both, sum] = [0, 0];
  labels.data.forEach((value, i) => {
    const slice = Math.floor(i / (SIZE[0] * SIZE[1]));
    if (slice < first || slice > last) return;
    const found = value === label;
    both += found && truth.data[i] ? 1 : 0;
    sum += (found ? 1 : 0) + (truth.data[i] ? 1 : 0);
  });
  return (2 * both) / sum;
}

/** A mask of a slice, from a first to a last row and column. */
function square(first: number, last: number): Mask {
  const [width, height] = SIZE;
  const isIn = (at: number) => at >= first && at <= last;
  const data = Uint8Array.from({ length: width * height }, (_, i) =>
    isIn(i % width) && isIn(Math.floor(i / width)) ? 1 : 0,
  );
  return { width, height, data };
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
    const [{ label, prompts }] = objectsFromLabels(truth, { axis });
    const shares: number[] = [];
    const { labels, objects } = await segmentVolume(new BoxTracker(predictor), volume, [{ label, prompts }], {
      axis,
      onProgress: (share) => shares.push(share),
    });
    const [{ slices }] = objects;
    const [middle] = prompts.keys();
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
    expect(every.prompts.size).toBe(last - first + 1);
    const few: VolumeObject = {
      label: 300,
      prompts: new Map([[17, every.prompts.get(17)!]]),
      within: [15, 18],
    };
    const { labels, objects } = await segmentVolume(new BoxTracker(predictor), volume, [every, few]);
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
    const [{ prompts }] = objectsFromLabels(truth);
    const [prompt] = prompts.values();
    const objects = [16, 17, 18].map((slice, n) => ({
      ...{ label: n + 1, prompts: new Map([[slice, prompt]]), within: [16, 18] as const },
    }));
    await segmentVolume(new BoxTracker(predictor), volume, objects);
    expect(steps.mock.calls.length).toBe(3);
    steps.mockClear();
    await segmentVolume(new BoxTracker(predictor, { keepBytes: 0 }), volume, objects);
    expect(steps.mock.calls.length).toBeGreaterThan(3);
    steps.mockRestore();
    await predictor.dispose();
  });

  it("embeddings that were kept are not computed again, whatever the order", async () => {
    const cache = new MemoryEmbeddingCache(2 ** 28);
    const [{ label, prompts }] = objectsFromLabels(truth);
    const object = { label, prompts, within: [16, 18] as const };
    const tensors = tf.memory().numTensors;
    const results = [];
    for (const keep of [undefined, cache, cache]) {
      const predictor = new SamPredictor(model, keep && { cache: keep });
      const steps = vi.spyOn(model.imageEncoder, "steps");
      const { labels } = await segmentVolume(new BoxTracker(predictor), volume, [object]);
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
    await segmentVolume(new BoxTracker(predictor), volume, [object]);
    expect(steps.mock.calls.length).toBe(3);
    await predictor.dispose();
    other.dispose();
  });

  it("a margin in mm follows the spacing, and needs one", async () => {
    const predictor = new SamPredictor(model);
    const [{ label, prompts }] = objectsFromLabels(truth);
    const spaced: Volume = { ...volume, pixelSpacing: [0.5, 0.5], sliceSpacing: 2 };
    const { objects } = await segmentVolume(new BoxTracker(predictor, { margin: { mm: 3 } }), spaced, [{ label, prompts, within: [17, 18] }]); // prettier-ignore
    const narrow = await segmentVolume(new BoxTracker(predictor, { margin: { mm: 0.5 } }), spaced, [{ label, prompts, within: [17, 18] }]); // prettier-ignore
    const wide = objects[0].slices[1].box!;
    narrow.objects[0].slices[1].box!.forEach((side, i) => expect(Math.abs(wide[i] - side)).toBe(5));
    await expect(segmentVolume(new BoxTracker(predictor, { margin: { mm: 3 } }), volume, [{ label, prompts }])).rejects.toThrow("ellipsoid: has no pixel spacing"); // prettier-ignore
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
    const [{ label, prompts }] = objectsFromLabels({ size, data: real }, { axis: 1, leastPixels: 1 });
    const predictor = new SamPredictor(model, { crop: 2 });
    const setImage = vi.spyOn(SamPredictor.prototype, "setImage");
    const within = [CENTRE[1] - 1, CENTRE[1] + 1] as const;
    const { labels } = await segmentVolume(new BoxTracker(predictor), coarse, [{ label, prompts, within }], {
      axis: 1,
    });
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

  it("is found from points, in one slice or several, as from a box", async () => {
    const predictor = new SamPredictor(model);
    const [x, y, z] = CENTRE;
    const at = (slice: number, ...points: readonly [number, number, 0 | 1][]) =>
      [slice, { pointCoords: points.map(([px, py]) => [px, py] as const), pointLabels: points.map(([, , label]) => label) }] as const; // prettier-ignore
    const tracker = new BoxTracker(predictor);
    const within = [z - 4, z + 4] as const;
    const one = { label: 1, prompts: new Map([at(z, [x, y, 1])]), within };
    const several = {
      label: 2,
      prompts: new Map([at(z - 3, [x, y, 1], [x + 25, y, 0]), at(z + 3, [x, y, 1])]),
      within,
    };
    const { labels, objects } = await segmentVolume(tracker, volume, [one]);
    expect(objects[0].slices.filter(({ prompted }) => prompted)).toMatchObject([{ slice: z }]);
    expect(objects[0].slices.find(({ slice }) => slice === z)).not.toHaveProperty("box");
    expect(overlap(labels, 1, [...within])).toBeGreaterThan(0.8);
    const both = await segmentVolume(tracker, volume, [several]);
    expect(both.objects[0].slices.flatMap(({ slice, prompted }) => (prompted ? [slice] : []))).toEqual([z - 3, z + 3]); // prettier-ignore
    expect(overlap(both.labels, 2, [...within])).toBeGreaterThan(0.8);
    await predictor.dispose();
  });

  it("is the mask where one is given, and followed from there", async () => {
    const predictor = new SamPredictor(model);
    const area = SIZE[0] * SIZE[1];
    const z = CENTRE[2];
    const data = new Uint8Array(count);
    data.set(truth.data.subarray(z * area, (z + 1) * area), z * area);
    const [drawn] = objectsFromMasks({ size: SIZE, data });
    const object = { ...drawn, within: [z - 3, z + 3] as const };
    const { labels, objects } = await segmentVolume(new BoxTracker(predictor), volume, [object]);
    expect(labels.data.subarray(z * area, (z + 1) * area)).toEqual(data.subarray(z * area, (z + 1) * area));
    expect(objects[0].slices.find(({ slice }) => slice === z)).toEqual({ slice: z, prompted: true, score: 1, pixels: data.reduce((a, b) => a + b) }); // prettier-ignore
    expect(objects[0].slices.length).toBe(7);
    expect(overlap(labels, 1, [z - 3, z + 3])).toBeGreaterThan(0.85);
    await predictor.dispose();
  });

  it("a box with points, and boxes alone in the same slice, keep their order", async () => {
    const predictor = new SamPredictor(model);
    const z = CENTRE[2];
    const [{ prompts }] = objectsFromLabels(truth);
    const box = prompts.get(z)!.box!;
    const within = [z, z] as const;
    const clicked = { box, pointCoords: [[CENTRE[0], CENTRE[1]] as const], pointLabels: [1 as const] };
    const objects = [{ box }, clicked, { mask: square(2, 5) }, { box: [1, 1, 8, 8] as const }].map(
      (prompt, n) => ({ label: n + 1, prompts: new Map([[z, prompt]]), within }),
    );
    const together = await segmentVolume(new BoxTracker(predictor), volume, objects);
    for (const [n, object] of objects.entries()) {
      const { objects: alone } = await segmentVolume(new BoxTracker(predictor), volume, [object]);
      const [a, b] = [together.objects[n].slices[0], alone[0].slices[0]];
      expect({ ...a, score: 0 }).toEqual({ ...b, score: 0 });
      expect(a.score).toBeCloseTo(b.score, 5);
    }
    await predictor.dispose();
  });

  it("gives each mask as it is found: what came before a stop is whole", async () => {
    const tensors = tf.memory().numTensors;
    const predictor = new SamPredictor(model);
    const frames = volumeFrames(volume, 2);
    const found: TrackedMask[] = [];
    for await (const mask of new BoxTracker(predictor).track(frames, objectsFromLabels(truth))) {
      found.push(mask);
      if (found.length === 3) break;
    }
    expect(found.map(({ slice, prompted }) => [slice, prompted])).toEqual([[17, true], [18, false], [19, false]]); // prettier-ignore
    await predictor.dispose();
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it("can be stopped, and frees what it held", async () => {
    const tensors = tf.memory().numTensors;
    const predictor = new SamPredictor(model);
    const stop = new AbortController();
    const running = segmentVolume(new BoxTracker(predictor), volume, objectsFromLabels(truth), {
      signal: stop.signal,
      onProgress: (share) => share > 0.2 && stop.abort(new Error("enough")),
    });
    await expect(running).rejects.toThrow("enough");
    await predictor.dispose();
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it.each([
    [{ label: 0, prompts: boxPrompts([[3, [1, 1, 9, 9]]]) }, /object 0 is no label; expected 1 to 65535/],
    [{ label: 1, prompts: new Map() }, /object 1 has no prompt/],
    [
      { label: 1, prompts: boxPrompts([[40, [1, 1, 9, 9]]]) },
      /is prompted in slice 40; expected one of 0 to 39/,
    ],
    [
      { label: 1, prompts: boxPrompts([[4, [90, 1, 99, 9]]]) },
      /object 1 in slice 4: box \[90,1,99,9\] lies wholly outside/,
    ],
    [{ label: 1, prompts: boxPrompts([[4, [1, 1, 9, 9]]]), within: [3, 40] }, /may reach slices 3 to 40/],
    [{ label: 1, prompts: new Map([[4, {}]]) }, /object 1 in slice 4: empty prompt/],
    [
      { label: 1, prompts: new Map([[4, { pointCoords: [[61, 9]], pointLabels: [1] }]]) },
      /object 1 in slice 4: point 1 at \[61, 9\] lies outside/,
    ],
    [
      { label: 2, prompts: new Map([[4, { pointCoords: [[6, 9]], pointLabels: [0] }]]) },
      /object 2 in slice 4: only points outside the object/,
    ],
    [
      { label: 1, prompts: new Map([[4, { mask: square(30, 40), box: [1, 1, 9, 9] }]]) },
      /object 1 in slice 4: a mask with a box or points/,
    ],
    [
      { label: 1, prompts: new Map([[4, { mask: { ...square(30, 40), width: 20 } }]]) },
      /object 1 in slice 4: mask of 20 x 48 with 2880 pixels; expected 60 x 48/,
    ],
    [
      { label: 1, prompts: new Map([[4, { mask: square(70, 80) }]]) },
      /object 1 in slice 4: the mask has no pixel/,
    ],
  ] as [VolumeObject, RegExp][])("that cannot be is refused: %#", async (object, message) => {
    await expect(segmentVolume(new BoxTracker(new SamPredictor(model)), volume, [object])).rejects.toThrow(
      message,
    );
  });
});
