import type { Mask, PixelBox } from "../image/mask.js";
import type { PixelImage } from "../image/pixels.js";
import type { Random } from "./random.js";

/** Which way a sample is turned over. */
export interface Flip {
  readonly horizontal: boolean;
  readonly vertical: boolean;
}

/** Each way in half of the draws. @see MedSAM's extensions/point_prompt/train_point_prompt.py */
export function randomFlip(random: Random): Flip {
  return { horizontal: random.chance(0.5), vertical: random.chance(0.5) };
}

/** An image, [height, width, channels], mirrored so; a copy. */
export function flipImage(image: PixelImage, flip: Flip): PixelImage {
  const data = image.data.slice();
  flipInto(data, image.data, image.width, image.channels, flip);
  return { ...image, data };
}

/** A mask mirrored so; a copy. */
export function flipMask(mask: Mask, flip: Flip): Mask {
  const data = new Uint8Array(mask.data.length);
  flipInto(data, mask.data, mask.width, 1, flip);
  return { ...mask, data };
}

/** A box with inclusive corners stays one. */
export function flipBox(
  [x0, y0, x1, y1]: PixelBox,
  [width, height]: readonly [number, number],
  { horizontal, vertical }: Flip,
): PixelBox {
  const [left, right] = horizontal ? [width - 1 - x1, width - 1 - x0] : [x0, x1];
  const [top, bottom] = vertical ? [height - 1 - y1, height - 1 - y0] : [y0, y1];
  return [left, top, right, bottom];
}

function flipInto(
  to: PixelImage["data"],
  from: PixelImage["data"],
  width: number,
  channels: number,
  { horizontal, vertical }: Flip,
): void {
  const height = from.length / width / channels;
  for (let y = 0, i = 0; y < height; y++) {
    const row = (vertical ? height - 1 - y : y) * width;
    for (let x = 0; x < width; x++) {
      const source = (row + (horizontal ? width - 1 - x : x)) * channels;
      for (let channel = 0; channel < channels; channel++) to[i++] = from[source + channel];
    }
  }
}
