import { affineOf, column, inverse, transform } from "./affine.js";
import type { Vector3 } from "./vector.js";
import { assertVoxels, type Grid, type LabelVolume, type Volume } from "./volume.js";
import { VolumeError } from "./volumeError.js";

/** The place of a volume, for labels that lie in it. */
export function gridOf({ size, pixelSpacing, sliceSpacing, affine, sliceOffsets, nifti }: Grid): Grid {
  return {
    size,
    ...(pixelSpacing && { pixelSpacing }),
    ...(sliceSpacing !== undefined && { sliceSpacing }),
    ...(affine && { affine }),
    ...(sliceOffsets && { sliceOffsets }),
    ...(nifti && { nifti }),
  };
}

/** Largest slope by which real labels may have been rounded: half of it is the most that they may be off. */
const MAX_ROUNDING_SLOPE = 0.5;

/**
 * A volume as labels: real values must be integers of 0..65535. Programs that save real numbers as integers (nibabel, by
 * default) store them as steps of a slope, so that labels come back off by up to half a step: those are taken for the
 * integer that they were rounded from, the only one within that reach.
 *
 * @throws VolumeError when one is not, or there is more than one frame or channel.
 */
export function toLabels(volume: Volume): LabelVolume {
  const { name, frames, channels, data, slope, intercept } = volume;
  if (frames !== 1 || channels !== 1)
    throw new VolumeError(
      `${name}: has ${frames} frames of ${channels} channels; expected labels of one volume`,
    );
  const step = Math.abs(slope);
  const isInteger = !(data instanceof Float32Array || data instanceof Float64Array);
  const isScaled = slope !== 1 || intercept !== 0;
  const halfStep = isScaled && isInteger && step <= MAX_ROUNDING_SLOPE ? step / 2 : 0;
  const labels = new Uint16Array(data.length);
  let largest = 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i] * slope + intercept;
    const label = Math.round(value);
    // Slope and intercept are stored in single precision, half of whose last bit is 2^-24 of them.
    const rounding = isScaled ? (Math.abs(data[i] * slope) + Math.abs(intercept)) * 2 ** -24 : 0;
    if (!(Math.abs(value - label) <= halfStep + rounding && label >= 0 && label <= 65535))
      throw new VolumeError(
        `${name}: has the label ${value}; expected integers of 0..65535` +
          (isScaled ? `; it is scaled by ${slope}: save it as integers without scaling` : ""),
      );
    labels[i] = label;
    if (label > largest) largest = label;
  }
  return { ...gridOf(volume), data: largest > 255 ? labels : Uint8Array.from(labels) };
}

/**
 * Checks that labels belong to a volume: the same number of voxels, and the same place to a hundredth of a voxel
 * where both say it.
 *
 * @throws VolumeError saying what differs.
 */
export function assertSameGeometry(image: Grid, labels: Grid, name: string): void {
  if (image.size.some((side, axis) => side !== labels.size[axis]))
    throw new VolumeError(
      `${name}: labels have ${labels.size.join(" x ")} voxels; the image has ${image.size.join(" x ")}`,
    );
  if (image.affine === undefined || labels.affine === undefined) return;
  // Where the corners of the volume lie says all of an affine, in millimetres.
  const step = Math.min(...[0, 1, 2].map((axis) => Math.hypot(...image.affine!.map((row) => row[axis]))));
  for (let corner = 0; corner < 8; corner++) {
    const voxel = image.size.map((side, axis) => ((corner >> axis) & 1) * (side - 1));
    const away = image.affine.map((row, i) => {
      const other = labels.affine![i];
      return row.reduce((sum, value, axis) => sum + (value - other[axis]) * (voxel[axis] ?? 1), 0);
    });
    if (Math.hypot(...away) > 0.01 * step)
      throw new VolumeError(
        `${name}: labels lie elsewhere than the image: voxel [${voxel.join(", ")}] is ` +
          `${Math.hypot(...away).toFixed(2)} mm away; resample the labels to the image first`,
      );
  }
}

/** Voxels that labels may lie beside those of the grid that they are laid on. */
const BESIDE = 0.02;

/**
 * The voxel of a grid that the first voxel of another lies on, given that all lie voxel on voxel.
 *
 * @throws VolumeError naming the labels when they do not, or one of the two has no place.
 */
function startIn(image: Grid, labels: Grid, name: string): Vector3 {
  if (image.affine === undefined || labels.affine === undefined)
    throw new VolumeError(
      `${name}: labels have ${labels.size.join(" x ")} voxels; the image has ${image.size.join(" x ")}, and where they ` +
        "lie in it is not known",
    );
  const toVoxel = inverse(image.affine);
  const at = (voxel: Vector3) => transform(toVoxel, transform(labels.affine!, voxel));
  const [x, y, z] = at([0, 0, 0]).map(Math.round);
  for (let corner = 0; corner < 8; corner++) {
    const [i, j, k] = labels.size.map((side, axis) => ((corner >> axis) & 1) * (side - 1));
    const there = at([i, j, k]);
    if ([x + i, y + j, z + k].some((place, axis) => Math.abs(there[axis] - place) > BESIDE))
      throw new VolumeError(
        `${name}: its voxels are not the image's: voxel [${i}, ${j}, ${k}] is at ` +
          `[${there.map((place) => place.toFixed(2)).join(", ")}] of the image; resample the labels to the image first`,
      );
  }
  return [x, y, z];
}

/**
 * Labels on the voxels of an image, of which they may cover a part.
 *
 * @throws VolumeError when their voxels are not the image's, or a labelled one lies outside of it.
 */
export function laidOn(labels: LabelVolume, image: Grid, name: string): LabelVolume {
  const { size, data } = labels;
  const isSame = size.every((side, axis) => side === image.size[axis]);
  if (isSame && (labels.affine === undefined || image.affine === undefined)) return labels;
  const start = startIn(image, labels, name);
  const [width, height, depth] = image.size;
  const count = assertVoxels(image.size, 1, 1, name);
  const out = data instanceof Uint8Array ? new Uint8Array(count) : new Uint16Array(count);
  for (let z = 0, i = 0; z < size[2]; z++)
    for (let y = 0; y < size[1]; y++)
      for (let x = 0; x < size[0]; x++, i++) {
        if (data[i] === 0) continue;
        const [left, top, slice] = [x + start[0], y + start[1], z + start[2]];
        if (!(left >= 0 && left < width && top >= 0 && top < height && slice >= 0 && slice < depth))
          throw new VolumeError(
            `${name}: lies partly outside of the image: its voxel [${x}, ${y}, ${z}] is at [${left}, ${top}, ` +
              `${slice}] of ${image.size.join(" x ")}; crop it to the image first`,
          );
        out[left + width * (top + height * slice)] = data[i];
      }
  return { ...labels, ...gridOf(image), data: out };
}

/** The smallest grid that two label volumes lie on. @throws VolumeError as above, naming the second. */
export function commonGrid(a: Grid, b: Grid, name: string): Grid {
  if (a.affine === undefined || b.affine === undefined) return a;
  const start = startIn(a, b, name);
  const first = start.map((side) => Math.min(0, side));
  const size = a.size.map((side, axis) => Math.max(side, start[axis] + b.size[axis]) - first[axis]);
  const [x, y, z] = [0, 1, 2].map((axis) => column(a.affine!, axis));
  const { pixelSpacing, sliceSpacing } = a;
  return {
    ...(pixelSpacing && { pixelSpacing }),
    ...(sliceSpacing !== undefined && { sliceSpacing }),
    size: [size[0], size[1], size[2]],
    affine: affineOf(x, y, z, transform(a.affine, [first[0], first[1], first[2]])),
  };
}
