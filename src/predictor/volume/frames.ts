import type { PixelImage } from "../../image/pixels.js";
import { acrossSlice, planeOf, volumeSlice, type Axis } from "../../volume/values.js";
import type { Volume } from "../../volume/volume.js";
import { PromptError } from "../types.js";

/** Images of one size that follow one another: the slices of a volume, the frames of a video. One is read at a time. */
export interface Frames {
  /** What messages call it. */
  readonly name: string;
  /** What messages call one of the images; default "slice". */
  readonly unit?: "slice" | "frame";
  readonly count: number;
  readonly width: number;
  readonly height: number;
  /** Sides of a pixel, in millimetres, where they are known. */
  readonly pixelSize?: readonly [width: number, height: number];
  /** A frame, of 8 bits. */
  read(frame: number): PixelImage | Promise<PixelImage>;
}

/**
 * The slices of a volume.
 *
 * @param volume of 8-bit values (`eightBitVolume`).
 * @throws PromptError for a volume of several frames.
 */
export function volumeFrames(volume: Volume, axis: Axis): Frames {
  const { name, size, frames, pixelSpacing, sliceSpacing } = volume;
  if (frames !== 1)
    throw new PromptError(`${name}: has ${frames} frames; expected one: take it with oneFrame(volume, 0)`);
  const { width, height } = planeOf(size, axis, 0);
  const [x, y] = pixelSpacing ?? [NaN, NaN];
  const pixelSize = acrossSlice([x, y, sliceSpacing ?? NaN], axis);
  return {
    ...{ name, width, height, count: size[axis] },
    ...(pixelSize.every(Number.isFinite) && { pixelSize }),
    read: (slice) => volumeSlice(volume, axis, slice),
  };
}
