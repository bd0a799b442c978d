import type { Mask } from "./mask.js";
import type { PixelImage } from "./pixels.js";

/** A part of an image in whole pixels: its left top corner and its size. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * The square around the middle of a box whose side is `factor` times the box's longer one, or larger where it has to
 * hold points further away; moved to lie inside the image. Where the image is smaller than the square, the region is as
 * wide, or as high, as the image.
 *
 * @param box left, top, right, bottom in pixels.
 * @param points in the image.
 */
export function regionAround(
  [x0, y0, x1, y1]: readonly [number, number, number, number],
  factor: number,
  image: Size,
  points: readonly (readonly [x: number, y: number])[] = [],
): Region {
  // One pixel more, as the square begins at a whole pixel.
  const reach = points.map(
    ([x, y]) => 1 + 2 * Math.max(Math.abs(x - (x0 + x1) / 2), Math.abs(y - (y0 + y1) / 2)),
  );
  const side = Math.ceil(Math.max(1, factor * Math.max(x1 - x0, y1 - y0), ...reach));
  const [width, height] = [Math.min(side, image.width), Math.min(side, image.height)];
  const start = (middle: number, length: number, whole: number) =>
    Math.min(Math.max(Math.round(middle - length / 2), 0), whole - length);
  return {
    x: start((x0 + x1) / 2, width, image.width),
    y: start((y0 + y1) / 2, height, image.height),
    width,
    height,
  };
}

/** The region that is the whole image. */
export function wholeOf({ width, height }: Size): Region {
  return { x: 0, y: 0, width, height };
}

export function isSameRegion(a: Region, b: Region): boolean {
  return a.x === b.x && a.y === b.y && a.width === b.width && a.height === b.height;
}

/** The pixels of a region, which lies inside the image. */
export function cropImage(image: PixelImage, { x, y, width, height }: Region): PixelImage {
  const { channels } = image;
  const data = image.data.slice(0, width * height * channels);
  for (let row = 0; row < height; row++) {
    const from = ((y + row) * image.width + x) * channels;
    data.set(image.data.subarray(from, from + width * channels), row * width * channels);
  }
  return { width, height, channels, data };
}

/** The pixels of a region of a mask. */
export function cropMask(mask: Mask, { x, y, width, height }: Region): Mask {
  const data = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    const from = (y + row) * mask.width + x;
    data.set(mask.data.subarray(from, from + width), row * width);
  }
  return { width, height, data };
}

/** Values of a region laid into an image of `fill`. The opposite of cropping. */
export function pasteInto<T extends Uint8Array | Float32Array>(
  values: T,
  { x, y, width, height }: Region,
  image: Size,
  fill: number,
): T {
  const Kind = values.constructor as new (length: number) => T;
  const out = new Kind(image.width * image.height).fill(fill) as T;
  for (let row = 0; row < height; row++)
    out.set(values.subarray(row * width, (row + 1) * width), (y + row) * image.width + x);
  return out;
}
