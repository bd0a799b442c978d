import type { Vector3 } from "../volume/vector.js";
import { hausdorff } from "./hausdorff.js";
import { dice, volumeDifference, type VolumeDifference } from "./overlap.js";
import { contourDistances, surfaceDistances } from "./surface.js";
import { averageSurfaceDistances, normalisedSurfaceDistance, robustHausdorff } from "./surfaceScores.js";
import type { VoxelMask } from "./voxelMask.js";

/** What is said of one object: shares in 0..1, distances in mm. */
export interface Scores extends VolumeDifference {
  readonly dice: number;
  /** Normalised surface distance at the tolerance. */
  readonly nsd: number;
  readonly hausdorff95: number;
  readonly hausdorff: number;
  /** Mean of the average surface distances of both ways. */
  readonly averageSurfaceDistance: number;
}

/**
 * All scores of a predicted mask; of one slice by contours, else by surfaces. Two empty masks agree: shares are 1,
 * distances and errors 0. Where one is empty, shares are 0 and distances Infinity.
 *
 * `spacing` is in millimetres a voxel, x first; `tolerance`, of the normalised surface distance, in mm.
 *
 * @throws VolumeError when the masks are not of one size, or the spacing is not positive.
 */
export function scoreMasks(
  truth: VoxelMask,
  prediction: VoxelMask,
  { spacing, tolerance }: { readonly spacing: Vector3; readonly tolerance: number },
): Scores {
  const [x, y] = spacing;
  const surfaces =
    truth.size[2] === 1
      ? contourDistances(truth, prediction, [x, y])
      : surfaceDistances(truth, prediction, spacing);
  const { fromTruth, fromPrediction } = averageSurfaceDistances(surfaces);
  return {
    dice: dice(truth, prediction),
    nsd: normalisedSurfaceDistance(surfaces, tolerance),
    hausdorff95: robustHausdorff(surfaces, 95),
    hausdorff: hausdorff(truth, prediction, spacing),
    averageSurfaceDistance: (fromTruth + fromPrediction) / 2,
    ...volumeDifference(truth, prediction, spacing),
  };
}
