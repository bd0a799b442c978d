import { VolumeError } from "./volumeError.js";

/** What a frame must turn out to be, by the file's attributes. */
export interface FrameFormat {
  readonly columns: number;
  readonly rows: number;
  readonly samples: number;
  readonly bitsAllocated: number;
  /** As the file says it; "RGB" when a JPEG's colours are not to be converted. */
  readonly photometric: string;
}

/** Samples of one frame, unsigned, those of a pixel side by side. */
export type RawSamples = Uint8Array | Uint16Array | Uint32Array;

/** What the header of a compressed frame says. */
export interface FrameHeader {
  readonly width: number;
  readonly height: number;
  readonly components: number;
  readonly bits: number;
}

/** @throws VolumeError when a compressed frame is not of the file's size, or needs more bits than the file has for it. */
export function assertFits(found: FrameHeader, format: FrameFormat, name: string): void {
  const { columns, rows, samples, bitsAllocated } = format;
  if (found.width !== columns || found.height !== rows || found.components !== samples)
    throw new VolumeError(
      `${name}: compressed image is ${found.width} x ${found.height} of ${found.components} samples; ` +
        `the file says ${columns} x ${rows} of ${samples}`,
    );
  if (found.bits > bitsAllocated)
    throw new VolumeError(
      `${name}: compressed image has ${found.bits} bits a sample; the file says ${bitsAllocated}`,
    );
}

/** Compressed images end with this marker; without it the rest is missing, which most decoders do not say. */
export function assertEnded(frame: Uint8Array, name: string): void {
  let end = frame.length;
  while (end > 2 && (frame[end - 1] === 0 || frame[end - 1] === 0xff)) end--; // padding to an even length
  if (frame[end - 2] !== 0xff || frame[end - 1] !== 0xd9)
    throw new VolumeError(`${name}: compressed image is cut off: its end marker is missing`);
}

/** Component by component to pixel by pixel. */
export function interleave<T extends RawSamples>(planes: T, samples: number): T {
  const out = planes.slice() as T;
  const pixels = planes.length / samples;
  for (let sample = 0; sample < samples; sample++)
    for (let i = 0; i < pixels; i++) out[i * samples + sample] = planes[sample * pixels + i];
  return out;
}
