import { maskArea, type Mask } from "../image/mask.js";
import type { PixelImage } from "../image/pixels.js";
import { volumeSlice, type Axis } from "../volume/values.js";
import type { Volume } from "../volume/volume.js";
import { EncodedSlices } from "./encodedSlices.js";
import type { LongCall } from "./longCall.js";
import type { SamPredictor } from "./samPredictor.js";
import { SquarePixels } from "./squarePixels.js";
import type { Box } from "./types.js";
import { checkObjects, type VolumeObject } from "./volumeObject.js";
import { VolumeResult, type VolumeSegmentation } from "./volumeResult.js";
import { boxFromMask, goesOn, marginSteps, seedOf, type Margin, type Seed } from "./volumeTrack.js";

export interface SegmentVolumeOptions extends LongCall {
  /** Axis of voxels that the slices lie along; default 2, as stored. */
  readonly axis?: Axis;
  /** By how much the box around a mask is wider for the next slice, a pixel at least. Default 0.05 of its sides. */
  readonly margin?: Margin;
  /** Bytes of embeddings that are kept at a time, for slices that several objects pass. Default 256 MB. */
  readonly keepBytes?: number;
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
 * `keepBytes` reaches. Where pixels are known not to be square, the model is shown square ones. The predictor gives
 * model and options; its own image stays.
 *
 * @param volume of 8-bit values (`eightBitVolume`), one frame.
 * @throws PromptError for objects that cannot be in this volume; VolumeError for a margin in mm where the spacing is not
 *   known; the signal's reason when stopped.
 */
export async function segmentVolume(
  predictor: SamPredictor,
  volume: Volume,
  asked: readonly VolumeObject[],
  options: SegmentVolumeOptions = {},
): Promise<VolumeSegmentation> {
  const { axis = 2, margin = 0.05, keepBytes = 256e6, signal, onProgress } = options;
  const objects = checkObjects(volume, asked, axis);
  const wider = marginSteps(margin, volume, axis);
  const square = SquarePixels.of(volume, axis);
  const read = (slice: number): PixelImage => volumeSlice(volume, axis, slice);
  const own = predictor.another();
  const slices = new EncodedSlices(own, (slice) => square.image(read(slice)), keepBytes);
  const result = new VolumeResult(volume, objects, axis);
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
    const predictions = await own.predictBoxes(
      boxes.map((box) => square.box(box)),
      call,
    );
    return predictions.map(({ masks, scores }) => ({ mask: square.mask(masks[0]), score: scores[0] }));
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
        const boxes = going.map(({ before }) => boxFromMask(before, wider)!);
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
    await own.dispose();
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
