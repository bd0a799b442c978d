import type { Npz } from "../image/npz.js";
import { assertFinite, assertVoxels, type Grid, type LabelVolume, type Volume } from "./volume.js";
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
  assertFinite(imgs, name);
  return {
    ...{ name, frames: 1, channels, data: imgs, slope: 1, intercept: 0, ...grid },
    warnings: [`${name}: does not say how it lies in the patient`],
  };
}

/** The labels of MedSAM's npz. @throws VolumeError when there are none, or one is no integer of 0..65535. */
export function npzLabelVolume(npz: Npz): LabelVolume {
  if (npz.gts === undefined) throw new VolumeError(`${npz.name}: has no gts, so no labels`);
  return toLabels({ ...npzVolume(npz), channels: 1, data: npz.gts });
}
