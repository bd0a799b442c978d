import { maskArea, maskBox, type Mask } from "../../image/mask.js";
import type { PixelImage } from "../../image/pixels.js";
import { VolumeError } from "../../volume/volumeError.js";
import type { Box } from "../types.js";
import type { Frames } from "./frames.js";

/** Fewer pixels than this are no object. */
const LEAST_PIXELS = 4;
/** An object has ended where less than this share of its prompted slice's area is left. */
const LEAST_SHARE = 0.05;
/** An object has ended where it stands out from its surroundings by less than this share of what it did. */
const LEAST_CONTRAST = 1 / 3;
/** Grey levels of 255 by which an object must stand out in its prompted slice for the rule above to be used. */
const CLEAR_CONTRAST = 8;

/** What an object looks like in the slice where it was prompted. */
export interface Seed {
  readonly slice: number;
  readonly area: number;
  readonly contrast: number;
}

export function seedOf(image: PixelImage, mask: Mask, slice: number): Seed {
  return { slice, area: maskArea(mask), contrast: contrastOf(image, mask) };
}

/**
 * Whether a mask in the next slice still shows the object, as compared with its mask in the slice before and with the
 * seed: it must overlap the former, and keep a part of the seed's area and of its contrast, with the same sign.
 */
export function goesOn(image: PixelImage, mask: Mask, before: Mask, seed: Seed): boolean {
  const area = maskArea(mask);
  if (area < Math.max(LEAST_PIXELS, LEAST_SHARE * seed.area)) return false;
  if (!mask.data.some((value, i) => value !== 0 && before.data[i] !== 0)) return false;
  if (Math.abs(seed.contrast) < CLEAR_CONTRAST) return true;
  return contrastOf(image, mask) / seed.contrast >= LEAST_CONTRAST;
}

/** By how much a box is made wider at each side: a share of its width and height, or millimetres. */
export type Margin = number | { readonly mm: number };

/**
 * A margin as pixels of a box's sides, a pixel at least.
 *
 * @throws VolumeError when it is in millimetres and the size of pixels is not known.
 */
export function marginSteps(margin: Margin, { name, pixelSize }: Frames) {
  if (typeof margin === "number") return (side: number) => Math.max(1, Math.round(margin * side));
  if (pixelSize === undefined)
    throw new VolumeError(`${name}: has no pixel spacing, so nothing can be said in mm`);
  return (_: number, direction: 0 | 1) => Math.max(1, Math.round(margin.mm / pixelSize[direction]));
}

/** The box around a mask, wider at each side by so many pixels; within the image. */
export function boxFromMask(mask: Mask, wider: (side: number, direction: 0 | 1) => number): Box | undefined {
  const box = maskBox(mask);
  if (box === undefined) return undefined;
  const [x0, y0, x1, y1] = box;
  const [dx, dy] = [wider(x1 - x0 + 1, 0), wider(y1 - y0 + 1, 1)];
  return [
    Math.max(0, x0 - dx),
    Math.max(0, y0 - dy),
    Math.min(mask.width - 1, x1 + dx),
    Math.min(mask.height - 1, y1 + dy),
  ];
}

/**
 * Mean grey level inside a mask less that around it: of the pixels outside the mask in its box, made wider by a quarter
 * at each side. 0 where there are none.
 */
function contrastOf({ channels, data }: PixelImage, mask: Mask): number {
  const box = boxFromMask(mask, (side) => Math.max(1, Math.round(side / 4)));
  if (box === undefined) return 0;
  const [x0, y0, x1, y1] = box;
  const sums = [0, 0];
  const counts = [0, 0];
  for (let y = y0; y <= y1; y++)
    for (let x = x0; x <= x1; x++) {
      const at = y * mask.width + x;
      const side = mask.data[at] ? 1 : 0;
      counts[side]++;
      for (let c = 0; c < channels; c++) sums[side] += data[at * channels + c] / channels;
    }
  return counts[0] === 0 || counts[1] === 0 ? 0 : sums[1] / counts[1] - sums[0] / counts[0];
}
