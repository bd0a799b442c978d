import { ImageError, type PixelImage } from "../image/pixels.js";
import type { DicomImage } from "../volume/dicomImage.js";

/** Pictures of one size in order, decoded one at a time, so that a long video needs no more memory than a short one. */
export interface Video {
  /** What messages call it: its file or folder. */
  readonly name: string;
  readonly count: number;
  /** Size of every frame in pixels. */
  readonly width: number;
  readonly height: number;
  /** Sides of a pixel, in millimetres, where they are known. */
  readonly pixelSize?: readonly [width: number, height: number];
  /** When each frame was taken, counted from the first, where the file says it. */
  readonly seconds?: readonly number[];
  /** DICOM's short name of the kind of examination: US, ES, XA, ... */
  readonly modality?: string;
  /** The DICOM file that it was read from: what a DICOM segmentation refers to. */
  readonly image?: DicomImage;
  /** Every frame is known to be whole and of this size. */
  readonly isSound?: boolean;
  /** What a person should know before using it, one sentence each. */
  readonly warnings: readonly string[];
  /** What files about a frame are named after: its own file's name without the ending, or its number. */
  frameName(frame: number): string;
  /**
   * A frame, counted from 0, in real values.
   *
   * @throws VideoError, ImageError or VolumeError when it is damaged, or of another size than the first.
   */
  read(frame: number): Promise<PixelImage>;
  /** Lets go of what it holds open. */
  close(): Promise<void>;
}

/** A video that cannot be read: says which, what was expected and what came. */
export class VideoError extends Error {
  override name = "VideoError";
}

/** Most frames, 20 minutes at 25 a second: what a NIfTI file of labels can count. Something is kept of each. */
export const MAX_FRAMES = 32_767;

/** `7` as `00007`, so that names sort as numbers do. */
export const numberName = (frame: number): string => String(frame).padStart(5, "0");

/** @throws VideoError for none, or more than `MAX_FRAMES`. @param remedy what to do then. */
export function assertFrameCount(name: string, count: number, remedy: string): void {
  if (count < 1) throw new VideoError(`${name}: has no frames; ${remedy}`);
  if (count > MAX_FRAMES)
    throw new VideoError(`${name}: has ${count} frames, more than the limit of ${MAX_FRAMES}; ${remedy}`);
}

/** @throws VideoError for a frame that is not of the video's size. @param what its name. */
export function assertFrameSize(
  { width, height }: { readonly width: number; readonly height: number },
  expected: { readonly width: number; readonly height: number },
  what: string,
): void {
  if (width !== expected.width || height !== expected.height)
    throw new VideoError(
      `${what}: is ${width} x ${height} pixels; expected ${expected.width} x ${expected.height}, the size of the ` +
        "first frame: all frames of a video have one size",
    );
}

/** A frame's error with the frame's number, which the file's name may not say. */
export function ofFrame(error: unknown, name: string, frame: number): unknown {
  if (!(error instanceof ImageError || error instanceof VideoError)) return error;
  return new VideoError(`${name}, frame ${frame}: ${error.message}`);
}
