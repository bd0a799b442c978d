import { readNpy, type NpyArray } from "./npy.js";
import {
  assertSize,
  ImageError,
  type LabelImage,
  type NumberArray,
  type PixelImage,
  type Samples,
} from "./pixels.js";
import { readZip } from "./zip.js";

/** MedSAM's `.npz`: a picture, or a stack of slices or frames, and what is known of it. */
export interface Npz {
  /** What the user calls it, for error messages. */
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** Number of slices or frames; 1 for a single picture. */
  readonly depth: number;
  readonly channels: 1 | 3;
  /** `depth` · `height` · `width` · `channels` values, as stored. */
  readonly imgs: NumberArray;
  /** Labels, `depth` · `height` · `width` values. */
  readonly gts?: NumberArray;
  /** Millimetres a voxel in the order x, y, z: the reverse of the array's axes. */
  readonly spacing?: readonly [x: number, y: number, z: number];
  /** One a row: `[x0, y0, x1, y1]`, or `[x0, y0, z0, x1, y1, z1]`, in pixels. */
  readonly boxes?: readonly (readonly number[])[];
}

const KEYS = ["imgs", "gts", "spacing", "boxes"] as const;

/**
 * Reads an `.npz` as MedSAM's scripts write it: `imgs` [D, H, W], [D, H, W, 3], or of one picture [H, W] or
 * [H, W, 3]; `gts` of the same shape without channels; `spacing` [3]; `boxes` [n, 4] or [n, 6].
 *
 * @throws ImageError when the file is damaged, has no `imgs`, or its shapes do not fit each other.
 * @see pre_CT_MR.py and pre_grey_rgb.py of MedSAM
 */
export function readNpz(bytes: Uint8Array, name: string): Npz {
  const members = readZip(bytes, name, (member) => KEYS.some((key) => member === `${key}.npy`));
  const read = (key: (typeof KEYS)[number]) => {
    const member = members.get(`${key}.npy`);
    return member && readNpy(member, `${name}: ${key}`);
  };
  const [imgs, gts, spacing, boxes] = KEYS.map(read);
  if (imgs === undefined)
    throw new ImageError(`${name}: has no imgs; expected the keys of MedSAM's npz files`);
  const size = readShape(imgs.shape, gts?.shape, name);
  assertSize(size.width, size.height, name);
  return {
    name,
    ...size,
    imgs: imgs.data,
    ...(gts && { gts: gts.data }),
    ...(spacing && { spacing: readSpacing(spacing, name) }),
    ...(boxes && { boxes: readBoxes(boxes, name) }),
  };
}

/** Slice or frame `index`, from 0. Bytes and unsigned 16-bit values stay, all others become single precision. */
export function npzSlice(npz: Npz, index: number): PixelImage {
  const { width, height, channels } = npz;
  const data = slice(npz, npz.imgs, index, width * height * channels);
  const samples: Samples =
    data instanceof Uint8Array || data instanceof Uint16Array ? data : Float32Array.from(data);
  if (samples instanceof Float32Array && !samples.every(Number.isFinite))
    throw new ImageError(
      `${npz.name}: slice ${index} has values that are not finite numbers; replace them first`,
    );
  return { width, height, channels, data: samples };
}

/**
 * Labels of slice or frame `index`, from 0.
 *
 * @throws ImageError when there are none, or one is not an integer of 0..65535.
 */
export function npzLabels(npz: Npz, index: number): LabelImage {
  const { width, height, gts, name } = npz;
  if (gts === undefined) throw new ImageError(`${name}: has no gts, so no labels`);
  const data = slice(npz, gts, index, width * height);
  if (data instanceof Uint8Array || data instanceof Uint16Array) return { width, height, data };
  const wrong = data.find((value) => !Number.isInteger(value) || value < 0 || value > 65535);
  if (wrong !== undefined)
    throw new ImageError(`${name}: gts has the label ${wrong}; expected integers 0..65535`);
  return { width, height, data: Uint16Array.from(data) };
}

function slice<T extends NumberArray>(npz: Npz, data: T, index: number, size: number): T {
  if (!Number.isInteger(index) || index < 0 || index >= npz.depth)
    throw new ImageError(`${npz.name}: has no slice ${index}; expected 0..${npz.depth - 1}`);
  return data.subarray(index * size, (index + 1) * size) as T;
}

/** [H, W, 3] and [D, H, 3] look alike: a picture it is when its labels say so, or the last axis is 3. */
function readShape(imgs: readonly number[], gts: readonly number[] | undefined, name: string) {
  const last = imgs.at(-1);
  const single = gts ? gts.length === 2 : imgs.length === 2 || (imgs.length === 3 && last === 3);
  const stack = single ? [1, ...imgs] : imgs;
  const [depth, height, width, channels = 1] = stack;
  const show = (shape: readonly number[]) => `[${shape.join(", ")}]`;
  if (stack.length < 3 || stack.length > 4 || (channels !== 1 && channels !== 3) || depth === 0)
    throw new ImageError(
      `${name}: imgs is ${show(imgs)}; expected [H, W], [H, W, 3], [D, H, W] or [D, H, W, 3]`,
    );
  const expected = single ? [height, width] : [depth, height, width];
  if (gts && show(gts) !== show(expected))
    throw new ImageError(
      `${name}: gts is ${show(gts)}; expected ${show(expected)}, as imgs is ${show(imgs)}`,
    );
  return { depth, height, width, channels } as const;
}

function readSpacing({ shape, data }: NpyArray, name: string): [number, number, number] {
  const [x, y, z] = data;
  if (data.length !== 3 || !(x > 0 && y > 0 && z > 0 && Number.isFinite(x + y + z)))
    throw new ImageError(
      `${name}: spacing is [${data.join(", ")}] of shape [${shape.join(", ")}]; expected 3 positive mm`,
    );
  return [x, y, z];
}

function readBoxes({ shape, data }: NpyArray, name: string): number[][] {
  const [count, sides] = shape;
  if (shape.length !== 2 || (sides !== 4 && sides !== 6))
    throw new ImageError(`${name}: boxes is [${shape.join(", ")}]; expected [n, 4] or [n, 6]`);
  return Array.from({ length: count }, (_, box) => Array.from(data.subarray(box * sides, (box + 1) * sides)));
}
