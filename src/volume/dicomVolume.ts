import type { NumberArray } from "../image/pixels.js";
import { openDicom, type DicomImage } from "./dicomImage.js";
import { decodePixels, storedArray } from "./dicomPixels.js";
import { stackFrames, type Stack } from "./dicomStack.js";
import type { Vector3 } from "./vector.js";
import { assertVoxels, type Volume } from "./volume.js";
import { VolumeError } from "./volumeError.js";

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
 * have no place, or of a single file all the same one, stay frames.
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
  const [{ image: first, plane }] = frames;
  const { rows, columns, samples } = first.format;
  const size: Vector3 = [columns, rows, spatial ? frames.length : 1];
  const count = spatial ? 1 : frames.length;
  assertVoxels(size, count, samples === 3 ? 3 : 1, name);
  const { data, scaled } = await decodeStack(stack, name, options);
  const { inverted, padding, palette, modality } = first.meaning;
  const middle = frames[frames.length >> 1].plane;
  const said = new Set(frames.flatMap(({ image }) => image.warnings).map((warning) => `${name}: ${warning}`));
  return {
    ...{ name, size, frames: count, channels: samples === 3 ? 3 : 1, data },
    slope: scaled ? 1 : plane.slope,
    intercept: scaled ? 0 : plane.intercept,
    ...(stack.pixelSpacing && { pixelSpacing: stack.pixelSpacing }),
    ...(stack.sliceSpacing !== undefined && { sliceSpacing: stack.sliceSpacing }),
    ...(stack.affine && { affine: stack.affine }),
    ...(inverted && { inverted }),
    ...(padding && !scaled && { padding }),
    ...(palette && { palette }),
    ...(modality && { modality }),
    ...(middle.windows.length > 0 && { windows: middle.windows }),
    warnings: [...said, ...warnings],
  };
}

/** Stored values of all frames; real ones in single precision where frames have scales of their own (as PET has). */
async function decodeStack(
  { frames }: Stack,
  name: string,
  { signal, onProgress }: VolumeOptions,
): Promise<{ data: NumberArray; scaled: boolean }> {
  const [{ image: first, plane }] = frames;
  const { rows, columns, samples } = first.format;
  const area = rows * columns * samples;
  const scaled = !frames.every(
    (frame) => frame.plane.slope === plane.slope && frame.plane.intercept === plane.intercept,
  );
  if (scaled && (first.meaning.inverted || first.meaning.palette))
    throw new VolumeError(`${name}: slices have different scales, but are not of values that can be scaled`);
  const data = scaled
    ? new Float32Array(frames.length * area)
    : storedArray(first.format, frames.length * area);
  const images = [...new Set(frames.map(({ image }) => image))];
  for (const [done, image] of images.entries()) {
    signal?.throwIfAborted();
    const values = await decodePixels(image.set, image.format);
    for (const [at, { image: from, frame, plane: own }] of frames.entries()) {
      if (from !== image) continue;
      const part = values.subarray(frame * area, (frame + 1) * area);
      const real = (value: number) => value * own.slope + own.intercept;
      data.set(scaled ? Float32Array.from(part, real) : part, at * area);
    }
    onProgress?.((done + 1) / images.length);
  }
  return { data, scaled };
}
