import { readNpy } from "../image/npy.js";
import type { Npz } from "../image/npz.js";
import { readZip } from "../image/zip.js";
import {
  assertVoxels,
  markUnmeasured,
  placeUnknown,
  type Grid,
  type LabelVolume,
  type Volume,
} from "./volume.js";
import { toLabels } from "./labels.js";
import { VolumeError } from "./volumeError.js";

function gridOfNpz({ width, height, depth, spacing }: Npz): Grid {
  return {
    size: [width, height, depth],
    ...(spacing && { pixelSpacing: [spacing[0], spacing[1]] as const, sliceSpacing: spacing[2] }),
  };
}

/** The images of MedSAM's npz as a volume. It does not say how it lies in the patient. */
export function npzVolume(npz: Npz): Volume {
  const { name, channels, imgs } = npz;
  const grid = gridOfNpz(npz);
  assertVoxels(grid.size, 1, channels, name);
  const unmeasured = markUnmeasured(imgs, name);
  return {
    ...{ name, frames: 1, channels, data: imgs, slope: 1, intercept: 0, ...grid },
    warnings: [placeUnknown(name, "An .npz cannot say it; NIfTI, NRRD and DICOM can."), ...unmeasured],
  };
}

/** The labels of MedSAM's npz. @throws VolumeError when there are none, or one is no integer of 0..65535. */
export function npzLabelVolume(npz: Npz): LabelVolume {
  if (npz.gts === undefined) throw new VolumeError(`${npz.name}: has no gts, so no labels`);
  return toLabels({ ...npzVolume(npz), channels: 1, data: npz.gts });
}

/**
 * The labels of an npz that may have no images.
 *
 * @param arrays the first of these that is there: `segs` is what MedSAM's scripts write predictions as.
 * @throws VolumeError or ImageError when there are none, they have no two or three axes, or one is no integer of 0..65535.
 */
export function readNpzLabels(
  bytes: Uint8Array,
  name: string,
  arrays: readonly string[] = ["segs", "gts"],
): LabelVolume {
  const wanted = [...arrays, "spacing"].map((array) => `${array}.npy`);
  const members = readZip(bytes, name, (member) => wanted.includes(member));
  const key = arrays.find((one) => members.has(`${one}.npy`));
  if (key === undefined) throw new VolumeError(`${name}: has neither ${arrays.join(" nor ")}, so no labels`);
  const { shape, data } = readNpy(members.get(`${key}.npy`)!, `${name}: ${key}`);
  if (shape.length !== 2 && shape.length !== 3)
    throw new VolumeError(`${name}: ${key} has shape [${shape.join(", ")}]; expected [D, H, W] or [H, W]`);
  const [depth, height, width] = shape.length === 2 ? [1, ...shape] : shape;
  const size = [width, height, depth] as const;
  assertVoxels(size, 1, 1, name);
  const spacing = members.get("spacing.npy");
  const steps = spacing && [...readNpy(spacing, `${name}: spacing`).data];
  return toLabels({
    ...{ name, size, frames: 1, channels: 1, data, slope: 1, intercept: 0, warnings: [] },
    ...(steps?.length === 3 && { pixelSpacing: [steps[0], steps[1]], sliceSpacing: steps[2] }),
  });
}
