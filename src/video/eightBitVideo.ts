import { intensityPreset, type Scaling } from "../image/intensity.js";
import type { NumberArray, PixelImage } from "../image/pixels.js";
import { usualIntensity } from "../volume/eightBit.js";
import type { Video } from "./video.js";

/** Frames that decide how values become 8 bits, evenly taken, and the most values that they may have together. */
const [SAMPLED, MOST_VALUES] = [16, 64e6];
/** Bytes of decoded frames that are kept for when they are asked for again. */
const KEPT = 64e6;

/** Frames of 8 bits, as trackers take them (`Frames`). */
export interface EightBitFrames extends Pick<Video, "name" | "count" | "width" | "height" | "pixelSize"> {
  readonly unit: "frame";
  /** The frame, as one grey or three RGB bytes a pixel. @throws as `Video.read`. */
  read(frame: number): Promise<PixelImage & { readonly data: Uint8Array }>;
}

/**
 * A video in 8 bits. Every frame is read once (unless it is known to be sound), so that a damaged one or one of another size
 * is found before anything is computed. Bytes stay as they are; other values are scaled alike in all frames, by up to 16
 * of them.
 *
 * @param intensity name of an intensity preset; default as for volumes (`usualIntensity`).
 * @throws as `Video.read`, naming the frame; ImageError for an intensity that cannot be used with these values.
 */
export async function eightBitVideo(
  video: Video,
  intensity: string | undefined,
  {
    signal,
    onProgress,
  }: { readonly signal?: AbortSignal; readonly onProgress?: (share: number) => void } = {},
): Promise<{ readonly frames: EightBitFrames; readonly intensity: string }> {
  const { name, count, width, height, pixelSize, modality, isSound } = video;
  const sampled = new Set(evenly(count, Math.min(SAMPLED, Math.ceil(MOST_VALUES / (3 * width * height)))));
  const sample: NumberArray[] = [];
  for (let frame = 0; frame < count; frame++) {
    signal?.throwIfAborted();
    if (!isSound || sampled.has(frame)) {
      const { data } = await video.read(frame);
      if (sampled.has(frame)) sample.push(data);
    }
    onProgress?.((frame + 1) / count);
  }
  const values = joined(sample);
  const preset =
    intensity === undefined
      ? usualIntensity({ data: values, ...(modality && { modality }) })
      : intensityPreset(intensity);
  const scale = preset.fit(values);
  const frames: EightBitFrames = {
    ...{
      name,
      unit: "frame",
      count,
      width,
      height,
      read: kept((frame) => eightBit(video, frame, scale), KEPT),
    },
    ...(pixelSize && { pixelSize }),
  };
  return { frames, intensity: preset.name };
}

/** At most `most` of the numbers from 0 to `count` - 1, the first and the last among them. */
export function evenly(count: number, most: number): number[] {
  const taken = Math.min(count, most);
  return Array.from({ length: taken }, (_, n) => Math.round((n * (count - 1)) / Math.max(1, taken - 1)));
}

async function eightBit(video: Video, frame: number, scale: Scaling) {
  const image = await video.read(frame);
  return { ...image, data: scale(image.data) };
}

/** Bytes where all are bytes, else real numbers. */
function joined(parts: readonly NumberArray[]): NumberArray {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const out = new (parts.every((part) => part instanceof Uint8Array) ? Uint8Array : Float32Array)(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Remembers what was read last, up to a number of bytes. */
function kept<T extends { readonly data: Uint8Array }>(
  read: (frame: number) => Promise<T>,
  mostBytes: number,
): (frame: number) => Promise<T> {
  const images = new Map<number, T>();
  let bytes = 0;
  return async (frame) => {
    const image = images.get(frame) ?? (await read(frame));
    if (!images.delete(frame)) bytes += image.data.length;
    images.set(frame, image);
    for (const [oldest, other] of images) {
      if (bytes <= mostBytes || other === image) break;
      images.delete(oldest);
      bytes -= other.data.length;
    }
    return image;
  };
}
