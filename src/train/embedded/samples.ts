import { cropImage, cropMask, regionAround, type Region } from "../../image/crop.js";
import type { Mask } from "../../image/mask.js";
import { LITE_MEDSAM_INFERENCE, prepareImage } from "../../predictor/presetTable.js";
import { handDrawnBox, type PromptBox } from "../prompts.js";
import { Random } from "../random.js";
import type { SyntheticObject } from "../synthetic.js";
import { grownAt, PICTURE_SIZE, TrainingPictures } from "./pictures.js";

/** Shape of the batches that the small checkpoint is trained with. */
export interface BatchShape {
  /** Side of the model's input. */
  readonly side: number;
  readonly pictures: number;
  /** Prompts a picture, which share its encoding. */
  readonly prompts: number;
}

/** Steps at the beginning, when any picture teaches much, that take half the pictures and half the prompts each. */
const SMALL_STEPS = 1000;

/** Shape of the batch of a step, in a training that comes to `shape`. */
export function shapeAt(step: number, shape: BatchShape): BatchShape {
  if (step >= SMALL_STEPS) return shape;
  const half = (count: number) => Math.ceil(count / 2);
  return { ...shape, pictures: half(shape.pictures), prompts: half(shape.prompts) };
}

/** Pictures with prompts, in the frame of the model's input; all prompts of a batch have the same parts. */
export interface EmbeddedBatch {
  /** [pictures, side, side, 3]. */
  readonly pixels: Float32Array;
  /** [pictures · prompts, 4]. */
  readonly boxes: Float32Array;
  /** [pictures · prompts, n, 2] and [pictures · prompts, n] instead of the boxes in some batches. */
  readonly points?: { readonly coords: Float32Array; readonly labels: Float32Array };
  /** [pictures · prompts, fine, fine], 0 and 1; see `fineSide`. */
  readonly targets: Uint8Array;
  /** All objects together, [pictures, side, side]. */
  readonly foreground: Uint8Array;
}

/** Side of the targets, for a model's input of `side`: as fine as the whole pictures are, which the input is not. */
export const fineSide = (side: number) => 2 * side;

/** Steps over which the task grows from one object in the middle of a crop of twice its size to any about there. */
const CENTRED_STEPS = 500;
const POINT_SHARE = 0.12;
/** Of the pictures that the model sees whole, once the task has grown: the harder way, since objects are smaller. */
const WHOLE_SHARE = 0.9;

/** Scales to the input in a straight line, and stretches to 0..1: as MedSAM's cubic one to the eye, in a fifth of the time. */
const INPUT = LITE_MEDSAM_INFERENCE;

/**
 * The batch of a step, from the seed alone. Early steps see crops around an object, where the same mask in the
 * middle is nearly right for all; later ones whole pictures and crops, so that the model serves both ways of prediction.
 */
export function embeddedBatch(
  seed: number,
  step: number,
  { side, pictures, prompts }: BatchShape,
  known = new TrainingPictures(seed),
): EmbeddedBatch {
  const random = new Random(seed).split(`batch ${step}`);
  const growth: Growth = { loose: Math.min(1, step / CENTRED_STEPS), grown: grownAt(step) };
  const { loose, grown } = growth;
  const count = pictures * prompts;
  const fine = fineSide(side);
  const pixels = new Float32Array(pictures * side * side * 3);
  const boxes = new Float32Array(count * 4);
  const targets = new Uint8Array(count * fine * fine);
  const foreground = new Uint8Array(pictures * side * side);
  const pointCount = grown === 1 && random.chance(POINT_SHARE) ? random.integer(1, 3) : 0;
  const coords = new Float32Array(count * pointCount * 2);
  const labels = new Float32Array(count * pointCount);

  for (let n = 0; n < pictures; n++) {
    const own = random.split(n);
    const { image, objects, foreground: all } = known.draw(step, own);
    const first = own.pick(objects);
    const region = drawRegion(first, growth, own);
    pixels.set(prepareImage(INPUT, cropImage(image, region), side).pixels, n * side ** 2 * 3);
    foreground.set(scaled(all, region, side), n * side ** 2);

    const visible = objects.filter((object) => object !== first && isInside(object, region));
    for (let k = 0; k < prompts; k++) {
      const others = k > 0 && visible.length > 0 && own.chance(loose);
      const object = others ? own.pick([first, ...visible]) : first;
      const at = n * prompts + k;
      const target = scaled(object.mask, region, fine);
      targets.set(target, at * fine ** 2);
      boxes.set(toInput(drawBox(object, own), region, side), at * 4);
      for (let p = 0; p < pointCount; p++) {
        const wanted = p === 0 || own.chance(0.6) ? 1 : 0;
        const [x, y] = drawPoint(target, fine, wanted, own);
        coords.set(
          [x, y].map((place) => Math.floor((place * side) / fine)),
          (at * pointCount + p) * 2,
        );
        labels[at * pointCount + p] = target[y * fine + x];
      }
    }
  }
  return { pixels, boxes, targets, foreground, ...(pointCount > 0 && { points: { coords, labels } }) };
}

/** How far the task has grown, each from 0 to 1. */
interface Growth {
  readonly loose: number;
  readonly grown: number;
}

/** The part of a picture that the model is to see. */
function drawRegion({ box }: SyntheticObject, { loose, grown }: Growth, random: Random): Region {
  const whole = { x: 0, y: 0, width: PICTURE_SIZE, height: PICTURE_SIZE };
  if (random.chance(WHOLE_SHARE * grown)) return whole;
  const factor = random.logUniform(2 * 0.7 ** loose, 2 * 1.1 ** loose + 2 * grown);
  const [w, h] = [box[2] - box[0] + 1, box[3] - box[1] + 1];
  const shift = () => random.uniform(-0.1, 0.1) * loose * Math.max(w, h, 12);
  const [dx, dy] = [shift(), shift()];
  const around = [box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy] as const;
  // A crop of fewer pixels than this shows nothing.
  const least = 24 / Math.max(w, h);
  return regionAround(around, Math.max(factor, least), whole);
}

function isInside({ box }: SyntheticObject, { x, y, width, height }: Region): boolean {
  return box[0] >= x && box[1] >= y && box[2] < x + width && box[3] < y + height;
}

/**
 * Mostly tight or as people draw; some loose, as if drawn in a hurry around something small. Were there more of these,
 * a tight box would tell the model little.
 */
function drawBox({ box }: SyntheticObject, random: Random): PromptBox {
  const kind = random.next();
  if (kind < 0.45) return box;
  if (kind < 0.85) return handDrawnBox(box, [PICTURE_SIZE, PICTURE_SIZE], random);
  const [w, h] = [box[2] - box[0] + 1, box[3] - box[1] + 1];
  const most = random.uniform(0.05, 0.4);
  const out = (side: number) => Math.min(side * most * random.uniform(0.5, 1), 16);
  const inside = (value: number) => Math.min(Math.max(value, 0), PICTURE_SIZE - 1);
  return [inside(box[0] - out(w)), inside(box[1] - out(h)), inside(box[2] + out(w)), inside(box[3] + out(h))];
}

/** From the picture to the model's input. A box may reach beyond the crop's sides by what it was drawn too wide. */
function toInput([x0, y0, x1, y1]: PromptBox, { x, y, width, height }: Region, side: number): number[] {
  const [sx, sy] = [side / width, side / height];
  const inside = (value: number) => Math.min(Math.max(value, 0), side);
  return [inside((x0 - x) * sx), inside((y0 - y) * sy), inside((x1 - x) * sx), inside((y1 - y) * sy)];
}

/** A pixel of the object or beside it, as asked for where there is one. */
function drawPoint(
  target: Uint8Array,
  side: number,
  wanted: 0 | 1,
  random: Random,
): readonly [number, number] {
  let at = random.integer(0, target.length - 1);
  for (let attempt = 0; attempt < 4000 && target[at] !== wanted; attempt++)
    at = random.integer(0, target.length - 1);
  return [at % side, Math.floor(at / side)];
}

/** A region of a mask as a square of `side`, bilinear and cut at one half. */
function scaled(mask: Mask, region: Region, side: number): Uint8Array {
  const { width, height, data } = cropMask(mask, region);
  const out = new Uint8Array(side * side);
  const across = taps(width, side);
  for (const [y, [top, bottom, down]] of taps(height, side).entries())
    for (let x = 0; x < side; x++) {
      const [left, right, over] = across[x];
      const upper = data[top * width + left] * (1 - over) + data[top * width + right] * over;
      const lower = data[bottom * width + left] * (1 - over) + data[bottom * width + right] * over;
      if (upper * (1 - down) + lower * down > 0.5) out[y * side + x] = 1;
    }
  return out;
}

/** For each of `side` positions: the two neighbours along a line of `length`, and the share of the second. */
function taps(length: number, side: number): (readonly [number, number, number])[] {
  return Array.from({ length: side }, (_, n) => {
    const at = Math.min(Math.max(((n + 0.5) * length) / side - 0.5, 0), length - 1);
    const first = Math.floor(at);
    return [first, Math.min(first + 1, length - 1), at - first];
  });
}
