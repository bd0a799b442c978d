import { ImageError, type LabelImage, type PixelImage } from "./pixels.js";

/** Pixels of an object, row by row: 1 inside, 0 outside. */
export interface Mask {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Left, top, right and bottom in pixels, all inside: the last column and row belong to the box. */
export type PixelBox = readonly [x0: number, y0: number, x1: number, y1: number];

/** The mask as people look at it: 0 and 255. */
export function maskImage({ width, height, data }: Mask): PixelImage {
  return { width, height, channels: 1, data: data.map((value) => (value ? 255 : 0)) };
}

/** The pixels of one label. */
export function maskOfLabel({ width, height, data }: LabelImage, label: number): Mask {
  const inside = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) if (data[i] === label) inside[i] = 1;
  return { width, height, data: inside };
}

/** The labels that occur, ascending, without the background 0. */
export function labelsIn({ data }: LabelImage): number[] {
  return [...new Set(data)].filter((label) => label !== 0).sort((a, b) => a - b);
}

/**
 * One map of several masks. Where masks overlap the later one counts, as in MedSAM's scripts. 16-bit when a value is
 * above 255.
 *
 * @param values of the masks' pixels, 1 to 65535; default: mask `k` (from 0) has `k + 1`.
 * @throws ImageError when there are no masks, a value is not possible, or sizes differ.
 */
export function labelMap(masks: readonly Mask[], values = masks.map((_, k) => k + 1)): LabelImage {
  if (masks.length === 0) throw new ImageError("label map of 0 masks; expected at least 1");
  const wrong = masks.findIndex(
    (_, k) => !(Number.isInteger(values[k]) && values[k] > 0 && values[k] < 65536),
  );
  if (wrong >= 0) throw new ImageError(`mask ${wrong} has the value ${values[wrong]}; expected 1 to 65535`);
  const { width, height } = masks[0];
  const data = new (values.some((value) => value > 255) ? Uint16Array : Uint8Array)(width * height);
  for (const [k, mask] of masks.entries()) {
    if (mask.width !== width || mask.height !== height)
      throw new ImageError(
        `mask ${k} is ${mask.width} x ${mask.height}; expected ${width} x ${height}, the size of the first`,
      );
    for (let i = 0; i < data.length; i++) if (mask.data[i]) data[i] = values[k];
  }
  return { width, height, data };
}

/** Number of pixels inside. */
export function maskArea({ data }: Mask): number {
  let area = 0;
  for (let i = 0; i < data.length; i++) if (data[i]) area++;
  return area;
}

/** The smallest box around the mask; `undefined` when it is empty. */
export function maskBox({ width, height, data }: Mask): PixelBox | undefined {
  let [x0, y0, x1, y1] = [width, height, -1, -1];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (!data[y * width + x]) continue;
      if (x < x0) x0 = x;
      if (x > x1) x1 = x;
      if (y < y0) y0 = y;
      y1 = y;
    }
  return x1 < 0 ? undefined : [x0, y0, x1, y1];
}
