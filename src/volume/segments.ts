import type { LabelVolume } from "./volume.js";
import { VolumeError } from "./volumeError.js";

/** A term of a dictionary, such as SNOMED CT. */
export interface Code {
  readonly value: string;
  readonly scheme: string;
  readonly meaning: string;
}

/** What a label stands for. */
export interface Segment {
  /** Value of its voxels. */
  readonly label: number;
  readonly name: string;
  /** What kind of thing it is, and which; "Anatomical structure" and "Tissue" unless said. */
  readonly category?: Code;
  readonly type?: Code;
  /** To show it in: red, green, blue, 0..255 each. */
  readonly colour?: readonly [red: number, green: number, blue: number];
}

/** The pixels of one segment on one slice. */
export interface LabelledFrame {
  /** Number of the segment, from 1. */
  readonly segment: number;
  readonly slice: number;
  readonly mask: Uint8Array;
}

/**
 * Slices on which a segment has voxels, segment by segment.
 *
 * @throws VolumeError when a label has no segment, or no voxel is labelled.
 */
export function labelledFrames(
  { size, data }: LabelVolume,
  segments: readonly Segment[],
  name: string,
): LabelledFrame[] {
  const known = new Set(segments.map(({ label }) => label));
  const unknown = data.find((label) => label !== 0 && !known.has(label));
  if (unknown !== undefined || known.size !== segments.length || known.has(0))
    throw new VolumeError(
      `segmentation of ${name}: segments are for the labels ${segments.map(({ label }) => label).join(", ")}; ` +
        `expected each of the labels once, without 0${unknown === undefined ? "" : `, but ${unknown} has none`}`,
    );
  const area = size[0] * size[1];
  const frames = segments.flatMap(({ label }, index) =>
    Array.from({ length: size[2] }, (_, slice) => {
      const values = data.subarray(slice * area, (slice + 1) * area);
      return {
        segment: index + 1,
        slice,
        mask: Uint8Array.from(values, (value) => (value === label ? 1 : 0)),
      };
    }).filter(({ mask }) => mask.includes(1)),
  );
  if (frames.length === 0) throw new VolumeError(`segmentation of ${name}: no voxel is labelled`);
  return frames;
}

/** Packs pixels as DICOM stores bits: eight a byte, the first in the lowest bit, frames without gaps. */
export class BitPacker {
  private rest = 0;
  private pixels = 0;

  /** @returns the bytes that are complete. @param mask 0 or not, pixel by pixel. */
  push(mask: Uint8Array): Uint8Array {
    const out = new Uint8Array(Math.floor(((this.pixels % 8) + mask.length) / 8));
    const first = this.pixels % 8;
    for (let i = 0; i < mask.length; i++) {
      const bit = (first + i) & 7;
      if (mask[i]) this.rest |= 1 << bit;
      if (bit < 7) continue;
      out[(first + i) >> 3] = this.rest;
      this.rest = 0;
    }
    this.pixels += mask.length;
    return out;
  }

  /** @returns the last byte, and one more where their number would be odd. */
  end(): Uint8Array {
    const written = Math.floor(this.pixels / 8);
    const out = new Uint8Array(packedLength(this.pixels) - written);
    if (out.length > 0) out[0] = this.rest;
    return out;
  }
}

/** Bytes of so many packed pixels: an even number. */
export const packedLength = (pixels: number): number => 2 * Math.ceil(pixels / 16);
