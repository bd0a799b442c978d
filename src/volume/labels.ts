import type { Grid, LabelVolume, Volume } from "./volume.js";
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
