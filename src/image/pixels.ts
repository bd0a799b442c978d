/** Samples of an image. 8-bit files give `Uint8Array`, 16-bit ones `Uint16Array`, signed and real values the last. */
export type Samples = Uint8Array | Uint16Array | Float32Array;

/** Numbers as files and volumes hold them. */
export type NumberArray =
  Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

/** An image: row by row from the top, the channels of a pixel side by side (RGB where there are three). */
export interface PixelImage {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /**
   * `width` · `height` · `channels` values, as stored: nothing is scaled before an intensity preset does it. NaN where
   * nothing was measured, which presets make black.
   */
  readonly data: Samples;
  /** What a person should know before using the file, one sentence each: that it has more pages, for example. */
  readonly warnings?: readonly string[];
}

/** A label map: the value of a pixel is the number of its object, 0 is background. */
export interface LabelImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint16Array;
  /** As of a `PixelImage`. */
  readonly warnings?: readonly string[];
}

/** An image that cannot be read or used: says which, what was expected and what came. */
export class ImageError extends Error {
  override name = "ImageError";
}

/** Largest image that is read: 64 megapixels (8192 x 8192). The model sees 1024 x 1024 of it anyway. */
export const MAX_PIXELS = 2 ** 26;

/**
 * Checks a size from a file's header before anything is allocated by it.
 *
 * @throws ImageError when a side is not a positive integer, or the image has more than `MAX_PIXELS`.
 */
export function assertSize(width: number, height: number, name: string): void {
  const sides = [width, height];
  if (!sides.every((side) => Number.isInteger(side) && side > 0))
    throw new ImageError(`${name}: size is ${width} x ${height}; expected positive integers`);
  if (width * height > MAX_PIXELS)
    throw new ImageError(
      `${name}: ${width} x ${height} pixels are more than the limit of ${MAX_PIXELS} (8192 x 8192); ` +
        "cut the image into tiles or reduce it first",
    );
}

/**
 * Checks pixels that did not come from this folder's readers, once, where they enter.
 *
 * @returns `image` itself.
 * @throws ImageError when size, channels, number or kind of values do not fit.
 */
export function checkPixels(image: PixelImage, name = "image"): PixelImage {
  const { width, height, channels, data } = image;
  assertSize(width, height, name);
  if (channels !== 1 && channels !== 3)
    throw new ImageError(
      `${name}: has ${String(channels)} channels; expected 1 (grey) or 3 (RGB, without alpha)`,
    );
  if (!(data instanceof Uint8Array || data instanceof Uint16Array || data instanceof Float32Array))
    throw new ImageError(`${name}: data must be a Uint8Array, Uint16Array or Float32Array`);
  const expected = width * height * channels;
  if (data.length !== expected)
    throw new ImageError(
      `${name}: has ${data.length} values; expected ${expected} = ${width} x ${height} x ${channels}`,
    );
  if (data instanceof Float32Array && data.some((value) => Math.abs(value) === Infinity))
    throw new ImageError(
      `${name}: has infinite values; replace them first, by NaN where nothing was measured`,
    );
  return image;
}

/** The image with three channels: grey is repeated, colour is given back as it is. */
export function toRgb(image: PixelImage): PixelImage {
  if (image.channels === 3) return image;
  const { width, height, data: grey } = image;
  const Kind =
    grey instanceof Uint8Array ? Uint8Array : grey instanceof Uint16Array ? Uint16Array : Float32Array;
  const data = new Kind(3 * grey.length);
  for (let i = 0, to = 0; i < grey.length; i++) {
    data[to++] = grey[i];
    data[to++] = grey[i];
    data[to++] = grey[i];
  }
  return { width, height, channels: 3, data };
}

/** Smallest and largest of some values. NaN does not count. */
export function valueRange(values: ArrayLike<number>): [low: number, high: number] {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    if (values[i] < low) low = values[i];
    if (values[i] > high) high = values[i];
  }
  return [low, high];
}
