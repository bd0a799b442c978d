import type { NumberArray, PixelImage } from "../image/pixels.js";
import type { Vector3 } from "./vector.js";
import type { Palette, Volume } from "./volume.js";
import { VolumeError } from "./volumeError.js";

/**
 * The volume in real values, as intensity presets take them: scaled (to Hounsfield units, where a CT says how),
 * palettes as RGB, MONOCHROME1 inverted so that high is bright, and padding as NaN: nothing was measured there, so it
 * counts in no percentile, and intensity presets make it black. Given back as it is where there is nothing to do; else in single precision, palettes in bytes.
 */
export function realValues(volume: Volume): Volume {
  const { data, slope, intercept, inverted, padding, palette, ...rest } = volume;
  const plain = slope === 1 && intercept === 0 && !inverted && !padding && !palette;
  if (plain) return volume;
  const real = realNumbers(data, volume);
  if (padding && real.every(Number.isNaN)) throw new VolumeError(`${volume.name}: has nothing but padding`);
  return { ...rest, slope: 1, intercept: 0, data: real, ...(palette && { channels: 3 }) };
}

/** What stored values mean. */
export type Meaning = Pick<Volume, "slope" | "intercept" | "inverted" | "padding" | "palette">;

/** Stored values as `realValues` makes them: in single precision, NaN for padding; of a palette RGB in bytes. */
export function realNumbers(
  data: NumberArray,
  { slope, intercept, inverted, padding, palette }: Meaning,
): Float32Array | Uint8Array {
  if (palette) return paint(data, palette);
  const [scale, offset] = inverted
    ? [-slope, (inverted.range[0] + inverted.range[1]) * slope + intercept]
    : [slope, intercept];
  const [low, high] = padding ?? [Infinity, -Infinity];
  const out = new Float32Array(data.length);
  for (let i = 0; i < out.length; i++)
    out[i] = data[i] >= low && data[i] <= high ? NaN : data[i] * scale + offset;
  return out;
}

function paint(indices: ArrayLike<number>, { first, colours }: Palette): Uint8Array {
  const last = colours.length / 3 - 1;
  const out = new Uint8Array(3 * indices.length);
  for (let i = 0; i < indices.length; i++) {
    const at = 3 * Math.min(Math.max(indices[i] - first, 0), last);
    out[3 * i] = colours[at];
    out[3 * i + 1] = colours[at + 1];
    out[3 * i + 2] = colours[at + 2];
  }
  return out;
}

/**
 * One frame of a film or of a 4D volume, counted from 0, as a volume of its own. Its values are the film's, not copied.
 *
 * @throws VolumeError when there is no such frame.
 */
export function oneFrame(volume: Volume, frame: number): Volume {
  const { name, frames, data } = volume;
  if (!Number.isInteger(frame) || frame < 0 || frame >= frames)
    throw new VolumeError(`${name}: has no frame ${frame}; expected 0..${frames - 1}`);
  const length = data.length / frames;
  return { ...volume, frames: 1, data: data.subarray(frame * length, (frame + 1) * length) };
}

/** Axis that is looked along: slices as stored lie along 2. */
export type Axis = 0 | 1 | 2;

/** Where the pixels of a slice lie among the voxels of a volume: number `start + x * right + y * down`. */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly start: number;
  readonly right: number;
  readonly down: number;
}

/** Of something along each axis of voxels: what goes along the columns and along the rows of a slice. */
export function acrossSlice([x, y, z]: Vector3, axis: Axis): readonly [across: number, down: number] {
  return ([[y, z], [x, z], [x, y]] as const)[axis]; // prettier-ignore
}

/** The slice `index` along an axis; see `volumeSlice` for its columns and rows. */
export function planeOf(size: Vector3, axis: Axis, index: number): Plane {
  const steps: Vector3 = [1, size[0], size[0] * size[1]];
  const [width, height] = acrossSlice(size, axis);
  const [right, down] = acrossSlice(steps, axis);
  return { width, height, start: index * steps[axis], right, down };
}

/**
 * One slice of a volume of real values. Along axis 2 it is the slice as stored; along 1 its columns are the volume's
 * columns and its rows the volume's slices; along 0 its columns are the volume's rows and its rows the slices.
 *
 * @throws VolumeError when there is no such slice or frame, or the volume is not of real values.
 */
export function volumeSlice(volume: Volume, axis: Axis, index: number, frame = 0): PixelImage {
  const { name, size, channels, data, slope, intercept, inverted, padding, palette } = volume;
  if (slope !== 1 || intercept !== 0 || inverted || padding || palette)
    throw new VolumeError(`${name}: holds stored values; take realValues(volume) first`);
  for (const [what, at, count] of [
    ["slice", index, size[axis]],
    ["frame", frame, volume.frames],
  ] as const)
    if (!Number.isInteger(at) || at < 0 || at >= count)
      throw new VolumeError(`${name}: has no ${what} ${at}; expected 0..${count - 1}`);
  const { width, height, start, right, down } = planeOf(size, axis, index);
  const Kind =
    data instanceof Uint8Array ? Uint8Array : data instanceof Uint16Array ? Uint16Array : Float32Array;
  const out = new Kind(width * height * channels);
  const first = frame * size[0] * size[1] * size[2] + start;
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const from = (first + x * right + y * down) * channels;
      for (let c = 0; c < channels; c++) out[to++] = data[from + c];
    }
  return { width, height, channels, data: out };
}
