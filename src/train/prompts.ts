import type { Mask, PixelBox } from "../image/mask.js";
import type { Random } from "./random.js";

/** Left, top, right and bottom of a prompt in pixels of its image. */
export type PromptBox = readonly [x0: number, y0: number, x1: number, y1: number];

/** A point in pixels, and whether it lies in the object (1) or outside (0). */
export interface PointPrompt {
  readonly x: number;
  readonly y: number;
  /** 1 on the object, 0 beside it. */
  readonly label: 0 | 1;
}

/**
 * MedSAM's box prompt: each side of the tight box moves outwards by a whole number of pixels, 0 to `most`, each as
 * likely. Right and bottom may reach the image's width and height, as upstream.
 *
 * @param most upstream 20, in an image of 1024.
 * @see MedSAM's train_one_gpu.py, `NpyDataset`
 */
export function jitterBox(
  [x0, y0, x1, y1]: PixelBox,
  [width, height]: readonly [number, number],
  most: number,
  random: Random,
): PromptBox {
  const left = Math.max(0, x0 - random.integer(0, most));
  const right = Math.min(width, x1 + random.integer(0, most));
  const top = Math.max(0, y0 - random.integer(0, most));
  const bottom = Math.min(height, y1 + random.integer(0, most));
  return [left, top, right, bottom];
}

/**
 * A box as a hurried person draws it, by its own size: mostly 2 % too tight to 6 % too wide at each side, at times up
 * to 4 pixels wider whatever the size, at times up to 22 % wider. Inside the image.
 */
export function handDrawnBox(
  [x0, y0, x1, y1]: PixelBox,
  [width, height]: readonly [number, number],
  random: Random,
): PromptBox {
  const kind = random.next();
  const outwards = (side: number) => {
    if (kind < 0.15) return side * random.uniform(0, 0.22);
    return kind < 0.4 ? random.uniform(0, 4) : side * random.uniform(-0.02, 0.06);
  };
  const [w, h] = [x1 - x0 + 1, y1 - y0 + 1];
  const inside = (value: number, most: number) => Math.min(Math.max(value, 0), most);
  return [
    inside(x0 - outwards(w), width - 1),
    inside(y0 - outwards(h), height - 1),
    inside(x1 + outwards(w), width - 1),
    inside(y1 + outwards(h), height - 1),
  ];
}

/**
 * A first point: any pixel of the mask, each as likely; `undefined` when it is empty.
 *
 * @see Kirillov et al., Segment Anything (2023), appendix A, "Training algorithm"
 */
export function firstPoint(mask: Mask, random: Random): PointPrompt | undefined {
  return pointWhere(
    mask,
    random,
    (i) => mask.data[i] !== 0,
    () => 1,
  );
}

/**
 * A later point, which corrects a prediction: any pixel where it is wrong, each as likely, with what it should be;
 * `undefined` when there is none.
 *
 * @see the same
 */
export function correctingPoint(truth: Mask, predicted: Mask, random: Random): PointPrompt | undefined {
  const isIn = (mask: Mask, i: number) => mask.data[i] !== 0;
  return pointWhere(
    truth,
    random,
    (i) => isIn(truth, i) !== isIn(predicted, i),
    (i) => (isIn(truth, i) ? 1 : 0),
  );
}

function pointWhere(
  { width, data }: Mask,
  random: Random,
  counts: (i: number) => boolean,
  labelOf: (i: number) => 0 | 1,
): PointPrompt | undefined {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (counts(i)) count++;
  if (count === 0) return undefined;
  let left = random.integer(0, count - 1);
  for (let i = 0; ; i++)
    if (counts(i) && left-- === 0) return { x: i % width, y: Math.floor(i / width), label: labelOf(i) };
}
