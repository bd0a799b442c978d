import { maskArea, type Mask } from "../image/mask.js";
import type { PixelImage } from "../image/pixels.js";
import { gridOf } from "../volume/labels.js";
import { planeOf, volumeSlice, type Axis } from "../volume/values.js";
import type { LabelVolume, Volume } from "../volume/volume.js";
import { checkPrompt } from "./checkPrompt.js";
import { EncodedSlices } from "./encodedSlices.js";
import type { LongCall } from "./longCall.js";
import type { SamPredictor } from "./samPredictor.js";
import { PromptError, type Box } from "./types.js";
import { boxFromMask, goesOn, seedOf, type Seed } from "./volumeTrack.js";

/** What is to be found in a volume. */
export interface VolumeObject {
  /** Value of its voxels, 1 to 65535. */
  readonly label: number;
  /** A box in each prompted slice, one at least, by the slice's number. */
  readonly boxes: ReadonlyMap<number, Box>;
  /** First and last slice that it may reach; default: all. */
  readonly within?: readonly [first: number, last: number];
}

export interface SegmentVolumeOptions extends LongCall {
  /** Axis of voxels that the slices lie along; default 2, as stored. */
  readonly axis?: Axis;
  /** By what share of its sides, a pixel at least, the box around a mask is widened for the next slice. Default 0.05. */
  readonly margin?: number;
  /** Bytes of embeddings that are kept at a time, for slices that several objects pass. Default 256 MB. */
  readonly keepBytes?: number;
}

/** An object in one slice. */
export interface SliceMask {
  readonly slice: number;
  /** What the model was given. */
  readonly box: Box;
  /** Given by the caller, or taken from the next slice's mask. */
  readonly prompted: boolean;
  readonly pixels: number;
  /** The model's own estimate of the overlap. */
  readonly score: number;
}

/** Labels of a volume, and how each object was followed through it. */
export interface VolumeSegmentation {
  /** In the place of the volume. Where objects overlap the later one counts. */
  readonly labels: LabelVolume;
  /** In the order given; slices ascending. */
  readonly objects: readonly { readonly label: number; readonly slices: readonly SliceMask[] }[];
}

/** One object on its way from a prompted slice, up or down. */
interface Track {
  readonly index: number;
  readonly seed: Seed;
  /** The last slice that it may reach. */
  readonly end: number;
  before: Mask;
}

/**
 * Segments objects in a volume slice by slice, as MedSAM is applied to volumes: from each prompted slice both ways,
 * the next box taken from the last mask with a margin, until the object ends (see `goesOn`), half way to the
 * object's next prompted slice, or at the end of `within`. Every slice is encoded once for all objects, as far as
 * `keepBytes` reaches. The predictor's image is gone afterwards.
 *
 * @param volume of 8-bit values (`eightBitVolume`), one frame.
 * @throws PromptError for objects that cannot be in this volume; the signal's reason when stopped.
 */
export async function segmentVolume(
  predictor: SamPredictor,
  volume: Volume,
  objects: readonly VolumeObject[],
  options: SegmentVolumeOptions = {},
): Promise<VolumeSegmentation> {
  const { axis = 2, margin = 0.05, keepBytes = 256e6, signal, onProgress } = options;
  checkObjects(volume, objects, axis);
  const read = (slice: number): PixelImage => volumeSlice(volume, axis, slice);
  const slices = new EncodedSlices(predictor, read, keepBytes);
  const result = new Result(volume, objects, axis);
  const seeds = new Map<number, Track[]>();
  const prompted = [...new Set(objects.flatMap(({ boxes }) => [...boxes.keys()]))].sort((a, b) => a - b);
  // Where objects end is not known beforehand: the share done is that of all slices, up and down.
  const total = prompted.length + 2 * volume.size[axis];
  let done = 0;
  const next = () => onProgress?.(Math.min(1, ++done / total));

  /** Masks of some boxes in a slice. */
  const predict = async (slice: number, boxes: readonly Box[]) => {
    signal?.throwIfAborted();
    const call = signal ? { signal } : {};
    await slices.show(slice, call);
    const predictions = await predictor.predictBoxes(boxes, call);
    return predictions.map(({ masks, scores }) => ({ mask: masks[0], score: scores[0] }));
  };

  try {
    for (const slice of prompted) {
      const asked = [...objects.entries()].filter(([, { boxes }]) => boxes.has(slice));
      const boxes = asked.map(([, object]) => object.boxes.get(slice)!);
      for (const [n, { mask, score }] of (await predict(slice, boxes)).entries()) {
        const [index] = asked[n];
        result.add(index, { slice, box: boxes[n], prompted: true, score }, mask);
        if (maskArea(mask) === 0) continue;
        const track = { index, seed: seedOf(read(slice), mask, slice), end: slice, before: mask };
        seeds.set(slice, [...(seeds.get(slice) ?? []), track]);
      }
      next();
    }
    for (const step of [1, -1]) {
      let tracks: Track[] = [];
      const count = volume.size[axis];
      for (let n = 0; n < count; n++, next()) {
        const slice = step === 1 ? n : count - 1 - n;
        const going = tracks.filter(({ end }) => step * (end - slice) >= 0);
        const boxes = going.map(({ before }) => boxFromMask(before, margin)!);
        const found = going.length > 0 ? await predict(slice, boxes) : [];
        const image = going.length > 0 ? read(slice) : undefined;
        tracks = going.filter((track, k) => {
          const { mask, score } = found[k];
          if (!goesOn(image!, mask, track.before, track.seed)) return false;
          result.add(track.index, { slice, box: boxes[k], prompted: false, score }, mask);
          track.before = mask;
          return true;
        });
        for (const track of seeds.get(slice) ?? [])
          tracks.push({ ...track, end: endOf(objects[track.index], slice, step, count) });
      }
    }
    onProgress?.(1);
    return result.finish();
  } finally {
    slices.dispose();
  }
}

/** The last slice that an object goes to from a prompted one: the nearer prompted slice has what lies between two. */
function endOf({ boxes, within }: VolumeObject, from: number, step: number, count: number): number {
  const ahead = [...boxes.keys()].map((slice) => step * (slice - from)).filter((away) => away > 0);
  const half = Math.floor((Math.min(...ahead) - (step === 1 ? 0 : 1)) / 2);
  const [first, last] = within ?? [0, count - 1];
  const limit = step === 1 ? last : first;
  return ahead.length === 0 ? limit : from + step * half;
}

/** Collects masks, and lays them into labels: the later object over the earlier. */
class Result {
  private readonly found: SliceMask[][];
  private readonly labels: Uint8Array | Uint16Array;
  private readonly orders: ReadonlyMap<number, number>;

  constructor(
    private readonly volume: Volume,
    private readonly objects: readonly VolumeObject[],
    private readonly axis: Axis,
  ) {
    const [width, height, depth] = volume.size;
    const largest = Math.max(...objects.map(({ label }) => label));
    this.labels = new (largest > 255 ? Uint16Array : Uint8Array)(width * height * depth);
    this.orders = new Map(objects.map(({ label }, order) => [label, order]));
    this.found = objects.map(() => []);
  }

  add(index: number, about: Omit<SliceMask, "pixels">, mask: Mask): void {
    this.found[index].push({ ...about, pixels: maskArea(mask) });
    const { width, height, start, right, down } = planeOf(this.volume.size, this.axis, about.slice);
    for (let y = 0, i = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        if (!mask.data[i]) continue;
        const at = start + x * right + y * down;
        if ((this.orders.get(this.labels[at]) ?? -1) <= index) this.labels[at] = this.objects[index].label;
      }
  }

  finish(): VolumeSegmentation {
    return {
      labels: { ...gridOf(this.volume), data: this.labels },
      objects: this.objects.map(({ label }, index) => ({
        label,
        slices: this.found[index].sort((a, b) => a.slice - b.slice),
      })),
    };
  }
}

/** @throws PromptError naming the object and what is wrong with it. */
function checkObjects(volume: Volume, objects: readonly VolumeObject[], axis: Axis): void {
  const { name, size, frames } = volume;
  if (frames !== 1)
    throw new PromptError(`${name}: has ${frames} frames; expected one volume: take one of them first`);
  const { width, height } = planeOf(size, axis, 0);
  if (objects.length === 0) throw new PromptError(`${name}: no object to segment; give a box`);
  const seen = new Set<number>();
  for (const { label, boxes, within: [first, last] = [0, size[axis] - 1] } of objects) {
    const fail = (what: string) => new PromptError(`${name}: object ${label} ${what}`);
    if (!Number.isInteger(label) || label < 1 || label > 65535)
      throw fail("is no label; expected 1 to 65535");
    if (seen.has(label)) throw fail("is there twice; give each object its own label");
    seen.add(label);
    if (boxes.size === 0) throw fail("has no box; give one in one slice at least");
    if (!(first >= 0 && first <= last && last < size[axis]))
      throw fail(`may reach slices ${first} to ${last}; the volume has 0 to ${size[axis] - 1}`);
    for (const [slice, box] of boxes) {
      if (!Number.isInteger(slice) || slice < first || slice > last)
        throw fail(`has a box in slice ${slice}; expected one of ${first} to ${last}`);
      checkPrompt({ box }, { width, height, maskSide: 0 });
    }
  }
}
