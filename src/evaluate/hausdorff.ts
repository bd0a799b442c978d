import type { Vector3 } from "../volume/vector.js";
import { squaredDistances } from "./distance.js";
import { assertSameGrid, assertSpacing, type VoxelMask } from "./voxelMask.js";

/**
 * Plain Hausdorff distance in mm between the voxel centres of two masks: the farthest that a voxel of one is from
 * the other. 0 when both are empty, Infinity when one is. As SciPy's `directed_hausdorff`, the larger of both ways.
 *
 * One outlying voxel decides it; `robustHausdorff` says more of a segmentation.
 *
 * @param spacing millimetres a voxel.
 * @throws VolumeError when the masks are not of one size, or the spacing is not positive.
 */
export function hausdorff(truth: VoxelMask, prediction: VoxelMask, spacing: Vector3): number {
  assertSameGrid(truth, prediction);
  assertSpacing(spacing);
  return Math.max(farthest(truth, prediction, spacing), farthest(prediction, truth, spacing));
}

function farthest(from: VoxelMask, to: VoxelMask, spacing: Vector3): number {
  const distances = squaredDistances(to.data, to.size, spacing);
  let largest = 0;
  for (let i = 0; i < distances.length; i++)
    if (from.data[i] && distances[i] > largest) largest = distances[i];
  return Math.sqrt(largest);
}
