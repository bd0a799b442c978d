import type { NumberArray } from "../image/pixels.js";
import type { PlacedFrame } from "./dicomGroups.js";
import { openDicom, type DicomImage } from "./dicomImage.js";
import { decodePixels, storedArray } from "./dicomPixels.js";
import { stackFrames, type Stack } from "./dicomStack.js";
import { realNumbers, type Meaning } from "./values.js";
import type { Vector3 } from "./vector.js";
import { assertVoxels, markUnmeasured, type Palette, type Volume } from "./volume.js";

/** For calls that may take long. */
export interface VolumeOptions {
  /** Stops the call at its next file; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told the share done, in (0, 1]. */
  readonly onProgress?: (share: number) => void;
}

/** Reads a single DICOM file. @throws VolumeError as `openDicom` and `dicomVolume`. */
export async function readDicom(bytes: Uint8Array, name: string, options?: VolumeOptions): Promise<Volume> {
  return dicomVolume([openDicom(bytes, name)], name, options);
}

/**
 * Decodes the images of one series, or a single one, into a volume: slices sorted along their normal. Frames that
 * have no place, or of a single file all the same one, stay frames. Where images differ in what their stored values mean
 * (slope, padding, sign, ...), the volume has real values.
 *
 * @param name of the file or series, for messages.
 * @throws VolumeError when they do not belong together, are too many, or pixels are damaged.
 */
export async function dicomVolume(
  images: readonly DicomImage[],
  name: string,
  options: VolumeOptions = {},
): Promise<Volume> {
  const stack = stackFrames(images, name);
  const { spatial, frames, warnings } = stack;
  const [first] = frames;
  const { rows, columns, samples } = first.image.format;
  const size: Vector3 = [columns, rows, spatial ? frames.length : 1];
  const count = spatial ? 1 : frames.length;
  const meaning = frames.every((frame) => sameMeaning(frame, first)) ? meaningOf(first) : undefined;
  const channels = samples === 3 || (first.image.meaning.palette && !meaning) ? 3 : 1;
  assertVoxels(size, count, channels, name);
  const data = await decodeStack(stack, channels, meaning === undefined, options);
  const { modality } = first.image.meaning;
  const said = new Set(frames.flatMap(({ image }) => image.warnings).map((warning) => `${name}: ${warning}`));
  return {
    ...{ name, size, frames: count, channels, data, slope: 1, intercept: 0, ...meaning },
    ...(stack.pixelSpacing && { pixelSpacing: stack.pixelSpacing }),
    ...(stack.sliceSpacing !== undefined && { sliceSpacing: stack.sliceSpacing }),
    ...(stack.affine && { affine: stack.affine }),
    ...(stack.sliceOffsets && { sliceOffsets: stack.sliceOffsets }),
    ...(modality && { modality }),
    ...windowsOf(frames),
    warnings: [
      ...said,
      ...warnings,
      ...(meaning && first.image.format.real ? markUnmeasured(data, name) : []),
    ],
  };
}

function meaningOf({ image: { meaning }, plane: { slope, intercept } }: PlacedFrame): Meaning {
  const { inverted, padding, palette } = meaning;
  return { slope, intercept, ...(inverted && { inverted }), ...(padding && { padding }), ...(palette && { palette }) }; // prettier-ignore
}

/** Whether stored values of two frames mean the same, and fit into one kind of array. */
function sameMeaning(a: PlacedFrame, b: PlacedFrame): boolean {
  if (a.image !== b.image) {
    const [one, other] = [a.image, b.image];
    const kind = ({ format, meaning: { inverted, padding } }: DicomImage) =>
      [format.bitsAllocated, format.signed, format.real, inverted?.range, padding].join(";");
    if (kind(one) !== kind(other) || !samePalette(one.meaning.palette, other.meaning.palette)) return false;
  }
  return a.plane.slope === b.plane.slope && a.plane.intercept === b.plane.intercept;
}

function samePalette(a: Palette | undefined, b: Palette | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.first === b.first && a.colours.length === b.colours.length && a.colours.every((byte, i) => byte === b.colours[i]); // prettier-ignore
}

/** The file's own windows of the middle frame, or of the one next to it that has any. */
function windowsOf(frames: readonly PlacedFrame[]): Pick<Volume, "windows"> {
  const middle = frames.length >> 1;
  const after = frames.slice(middle).find(({ plane }) => plane.windows.length > 0);
  const found = after ?? frames.slice(0, middle).findLast(({ plane }) => plane.windows.length > 0);
  return found ? { windows: found.plane.windows } : {};
}

/** Values of all frames, as stored or real. */
async function decodeStack(
  { frames }: Stack,
  channels: number,
  real: boolean,
  { signal, onProgress }: VolumeOptions,
): Promise<NumberArray> {
  const [{ image: first }] = frames;
  const { rows, columns, samples } = first.format;
  const [area, length] = [rows * columns * samples, rows * columns * channels];
  const Real = first.meaning.palette ? Uint8Array : Float32Array;
  const data = real ? new Real(frames.length * length) : storedArray(first.format, frames.length * length);
  const images = [...new Set(frames.map(({ image }) => image))];
  for (const [done, image] of images.entries()) {
    signal?.throwIfAborted();
    const values = await decodePixels(image.set, image.format);
    for (const [at, placed] of frames.entries()) {
      if (placed.image !== image) continue;
      const part = values.subarray(placed.frame * area, (placed.frame + 1) * area);
      data.set(real ? realNumbers(part, meaningOf(placed)) : part, at * length);
    }
    onProgress?.((done + 1) / images.length);
  }
  return data;
}
