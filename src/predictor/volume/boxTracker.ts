import { maskArea, type Mask } from "../../image/mask.js";
import type { LongCall } from "../longCall.js";
import type { SamPredictor } from "../samPredictor.js";
import { PromptError, type Box } from "../types.js";
import { EncodedSlices } from "./encodedSlices.js";
import { boxFromMask, goesOn, marginSteps, seedOf, type Margin, type Seed } from "./endOfObject.js";
import type { Frames } from "./frames.js";
import { SquarePixels } from "./squarePixels.js";
import type { TrackedMask, Tracker } from "./tracker.js";
import type { SlicePrompt, VolumeObject } from "./volumeObject.js";

/** How the next box is made, and what is kept. */
export interface BoxTrackerOptions {
  /** By how much the box around a mask is wider for the next slice, a pixel at least. Default 0.05 of its sides. */
  readonly margin?: Margin;
  /** Bytes of features that are kept at a time, for slices that several objects pass. Default 256 MB. */
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

interface Found {
  readonly mask: Mask;
  readonly score: number;
}

/**
 * Follows objects slice by slice, as MedSAM is applied to volumes: from each prompted slice both ways, the next box
 * taken from the last mask with a margin, until the object ends (see `goesOn`), half way to its next prompted slice, or
 * at the end of `within`. Every slice is encoded once for all objects, as far as `keepBytes` reaches. Where pixels are
 * known not to be square, the model is shown square ones.
 */
export class BoxTracker implements Tracker {
  readonly follow = "box";
  readonly margin: Margin;
  private readonly keepBytes: number;

  /** @param predictor gives model and options; its own image stays. It stays the caller's to dispose. */
  constructor(
    private readonly predictor: SamPredictor,
    { margin = 0.05, keepBytes = 256e6 }: BoxTrackerOptions = {},
  ) {
    this.margin = margin;
    this.keepBytes = keepBytes;
  }

  /** @throws as `Tracker`; VolumeError for a margin in mm where the size of pixels is not known. */
  async *track(
    frames: Frames,
    objects: readonly VolumeObject[],
    { signal, onProgress }: LongCall = {},
  ): AsyncGenerator<TrackedMask, void, undefined> {
    checkForeground(frames, objects);
    const wider = marginSteps(this.margin, frames);
    const square = SquarePixels.of(frames);
    const read = async (slice: number) => square.image(await frames.read(slice));
    const own = this.predictor.another();
    const slices = new EncodedSlices(own, read, this.keepBytes);
    const call = signal ? { signal } : {};
    const seeds = new Map<number, Track[]>();
    const prompted = [...new Set(objects.flatMap(({ prompts }) => [...prompts.keys()]))];
    prompted.sort((a, b) => a - b);
    // Where objects end is not known beforehand: the share done is that of all slices, up and down.
    const total = prompted.length + 2 * frames.count;
    let done = 0;
    const next = () => onProgress?.(Math.min(1, ++done / total));

    /** What some prompts mean in a slice. */
    const predict = async (slice: number, prompts: readonly SlicePrompt[]): Promise<Found[]> => {
      signal?.throwIfAborted();
      if (prompts.some(({ mask }) => mask === undefined)) await slices.show(slice, call);
      const isBox = ({ box, pointCoords = [] }: SlicePrompt) => box !== undefined && pointCoords.length === 0;
      const boxes = prompts.filter(isBox).map(({ box }) => square.box(box!));
      const ofBoxes = boxes.length === 0 ? [] : await own.predictBoxes(boxes, call);
      const found: Found[] = [];
      for (const prompt of prompts) {
        const { mask, box, pointCoords = [], pointLabels = [] } = prompt;
        if (mask !== undefined) {
          found.push({ mask, score: 1 });
          continue;
        }
        const { masks, scores } = isBox(prompt)
          ? ofBoxes.shift()!
          : await own.predict(
              {
                ...{ pointCoords: pointCoords.map((point) => square.point(point)), pointLabels },
                ...(box && { box: square.box(box) }),
              },
              call,
            );
        found.push({ mask: square.mask(masks[0]), score: scores[0] });
      }
      return found;
    };

    try {
      for (const slice of prompted) {
        const asked = [...objects.entries()].filter(([, { prompts }]) => prompts.has(slice));
        const prompts = asked.map(([, object]) => object.prompts.get(slice)!);
        for (const [n, { mask, score }] of (await predict(slice, prompts)).entries()) {
          const [index] = asked[n];
          const { box } = prompts[n];
          yield { object: index, slice, mask, prompted: true, ...(box && { box }), score };
          if (maskArea(mask) === 0) continue;
          const seed = seedOf(await frames.read(slice), mask, slice);
          seeds.set(slice, [...(seeds.get(slice) ?? []), { index, seed, end: slice, before: mask }]);
        }
        next();
      }
      for (const step of [1, -1]) {
        let tracks: Track[] = [];
        for (let n = 0; n < frames.count; n++, next()) {
          const slice = step === 1 ? n : frames.count - 1 - n;
          const going = tracks.filter(({ end }) => step * (end - slice) >= 0);
          tracks = [];
          if (going.length > 0) {
            const boxes = going.map(({ before }): Box => boxFromMask(before, wider)!);
            const found = await predict(
              slice,
              boxes.map((box) => ({ box })),
            );
            const image = await frames.read(slice);
            for (const [k, track] of going.entries()) {
              const { mask, score } = found[k];
              if (!goesOn(image, mask, track.before, track.seed)) continue;
              yield { object: track.index, slice, mask, prompted: false, box: boxes[k], score };
              tracks.push({ ...track, before: mask });
            }
          }
          for (const track of seeds.get(slice) ?? [])
            tracks.push({ ...track, end: endOf(objects[track.index], slice, step, frames.count) });
        }
      }
      onProgress?.(1);
    } finally {
      slices.dispose();
      await own.dispose();
    }
  }
}

/** @throws PromptError where there are only points outside the object, which do not say where it is. */
function checkForeground({ name }: Frames, objects: readonly VolumeObject[]): void {
  for (const { label, prompts } of objects)
    for (const [slice, { box, mask, pointLabels = [] }] of prompts)
      if (box === undefined && mask === undefined && !pointLabels.includes(1))
        throw new PromptError(
          `${name}: object ${label} in slice ${slice}: only points outside the object; following it by boxes needs ` +
            "a box or a point in it there too",
        );
}

/** The last slice that an object goes to from a prompted one: the nearer prompted slice has what lies between two. */
function endOf({ prompts, within }: VolumeObject, from: number, step: number, count: number): number {
  const ahead = [...prompts.keys()].map((slice) => step * (slice - from)).filter((away) => away > 0);
  const half = Math.floor((Math.min(...ahead) - (step === 1 ? 0 : 1)) / 2);
  const [first, last] = within ?? [0, count - 1];
  const limit = step === 1 ? last : first;
  return ahead.length === 0 ? limit : from + step * half;
}
