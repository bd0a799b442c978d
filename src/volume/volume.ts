import type { NumberArray } from "../image/pixels.js";
import { assertSize } from "../image/pixels.js";
import type { Affine } from "./affine.js";
import type { NiftiGeometry } from "./niftiHeader.js";
import type { Segment } from "./segments.js";
import type { Vector3 } from "./vector.js";
import { VolumeError } from "./volumeError.js";

/** What any volume has, labels or values: where its voxels lie. */
export interface Grid {
  /** Columns, rows, slices. */
  readonly size: Vector3;
  /** Millimetres from pixel to pixel along the columns and rows; undefined where the file does not say. */
  readonly pixelSpacing?: readonly [x: number, y: number];
  /** Millimetres from slice to slice, or the thickness of a single one; undefined where the file does not say. */
  readonly sliceSpacing?: number;
  /**
   * Voxel (column, row, slice) to millimetres in the patient, whose axes point to the right, to the front and up
   * (RAS+, as in NIfTI). Undefined where the file does not say.
   */
  readonly affine?: Affine;
  /**
   * Where slices are not evenly apart: how far each lies from the first along the affine's third axis, in millimetres.
   * The length of that axis is then the usual distance.
   */
  readonly sliceOffsets?: readonly number[];
  /** How a NIfTI file said it, so that a label map can say it in the same words. */
  readonly nifti?: NiftiGeometry;
}

/**
 * A volume, a picture or a film as its file stores it. The value of column x, row y, slice z, frame t and channel c
 * is number `c + channels * (x + width * (y + height * (z + depth * t)))`.
 */
export interface Volume extends Grid {
  /** File or series, for error messages. */
  readonly name: string;
  /** Points in time, or pictures without a place in space. 1 for most. */
  readonly frames: number;
  readonly channels: 1 | 3;
  /** Stored values; a real one is `slope * stored + intercept`. NaN where nothing was measured. */
  readonly data: NumberArray;
  readonly slope: number;
  readonly intercept: number;
  /** Low values are bright (MONOCHROME1): shown, values count down from the sum of both ends of `range`. */
  readonly inverted?: { readonly range: readonly [low: number, high: number] };
  /** Stored values, both ends included, that mean "nothing was measured here". */
  readonly padding?: readonly [low: number, high: number];
  /** Colours of stored values. */
  readonly palette?: Palette;
  /** The file's own windows for display, in real values. */
  readonly windows?: readonly { readonly centre: number; readonly width: number }[];
  /** DICOM's short name of the kind of examination: CT, MR, US, ... */
  readonly modality?: string;
  /** What a person should know before using it, one sentence each; never who the patient is. */
  readonly warnings: readonly string[];
}

/** Colours by stored value, from `first` on; values outside take the nearest colour. */
export interface Palette {
  readonly first: number;
  /** RGB, three bytes a colour. */
  readonly colours: Uint8Array;
}

/** Labels of a volume: the value of a voxel is the number of its object, 0 is background. */
export interface LabelVolume extends Grid {
  readonly data: Uint8Array | Uint16Array;
  /** What labels stand for, where the file says it. */
  readonly segments?: readonly Segment[];
  /** What a person should know before using it, one sentence each. */
  readonly warnings?: readonly string[];
}

/** Most voxels, all frames and channels counted, that are read: 2^29, as 512 x 512 x 2048. */
export const MAX_VOXELS = 2 ** 29;

/**
 * Checks a size from a file's header before anything is allocated by it.
 *
 * @returns the number of values.
 * @throws VolumeError or ImageError naming the file when a side is not a positive integer, or there are too many.
 */
export function assertVoxels(size: Vector3, frames: number, channels: number, name: string): number {
  assertSize(size[0], size[1], name);
  if (![size[2], frames].every((side) => Number.isInteger(side) && side > 0))
    throw new VolumeError(`${name}: has ${size[2]} slices and ${frames} frames; expected positive integers`);
  const values = size[0] * size[1] * size[2] * frames * channels;
  if (values > MAX_VOXELS)
    throw new VolumeError(
      `${name}: ${size.join(" x ")} voxels in ${frames} frames of ${channels} channels are more than the limit ` +
        `of ${MAX_VOXELS}; cut the volume or reduce it first`,
    );
  return values;
}

/**
 * Makes infinite values NaN: nothing was measured where a value is no finite number. Changes `data`.
 *
 * @returns a warning where there are such values.
 * @throws VolumeError naming the volume when there are no others.
 */
export function markUnmeasured(data: NumberArray, name: string): string[] {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return [];
  let count = 0;
  for (let i = 0; i < data.length; i++)
    if (!Number.isFinite(data[i])) {
      data[i] = NaN;
      count++;
    }
  if (count === data.length) throw new VolumeError(`${name}: none of its values is a finite number`);
  const what = `${count} of ${data.length} values are not finite numbers (NaN or infinite)`;
  return count === 0
    ? []
    : [`${name}: ${what}; they count as not measured and are shown as the lowest value`];
}

/**
 * What to say of a volume without a place in the patient: what follows, and what to do.
 *
 * @param remedy a sentence.
 */
export const placeUnknown = (name: string, remedy: string): string =>
  `${name}: does not say how it lies in the patient. Its slices are used as stored; left and right are not known, ` +
  `neither here nor in the labels. ${remedy}`;

/**
 * Millimetres a voxel along x, y and z.
 *
 * @param name of the volume, for the error.
 * @throws VolumeError when the file does not say: distances and volumes cannot be computed then.
 */
export function spacingOf({ pixelSpacing, sliceSpacing, size }: Grid, name: string): Vector3 {
  if (pixelSpacing === undefined)
    throw new VolumeError(`${name}: has no pixel spacing, so nothing can be said in mm`);
  if (sliceSpacing === undefined && size[2] > 1)
    throw new VolumeError(`${name}: has no distance between its slices, so nothing can be said in mm`);
  return [pixelSpacing[0], pixelSpacing[1], sliceSpacing ?? 1];
}
