import type { Vector3 } from "../volume/vector.js";
import { assertSameGrid, assertSpacing, type VoxelMask } from "./voxelMask.js";

/**
 * Dice similarity coefficient, 2|G ∩ P| / (|G| + |P|), in 0..1. Two empty masks agree: 1; where one is empty: 0.
 *
 * @throws VolumeError when the masks are not of one size.
 */
export function dice(truth: VoxelMask, prediction: VoxelMask): number {
  assertSameGrid(truth, prediction);
  const [a, b] = [truth.data, prediction.data];
  let [both, sum] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    if (a[i]) sum++;
    if (b[i]) sum++;
    if (a[i] && b[i]) both++;
  }
  return sum === 0 ? 1 : (2 * both) / sum;
}

/** Volumes of truth and prediction in millilitres, and their difference. */
export interface VolumeDifference {
  readonly truthMl: number;
  readonly predictionMl: number;
  /** Prediction less truth; positive where too much was marked. */
  readonly errorMl: number;
  /** The error as a share of the true volume: 0 when both are empty, Infinity when only the truth is. */
  readonly relativeError: number;
}

/**
 * Volumes and their difference in millilitres.
 *
 * @param spacing millimetres a voxel.
 * @throws VolumeError when the masks are not of one size, or the spacing is not positive.
 */
export function volumeDifference(
  truth: VoxelMask,
  prediction: VoxelMask,
  spacing: Vector3,
): VolumeDifference {
  assertSameGrid(truth, prediction);
  assertSpacing(spacing);
  const voxelMl = (spacing[0] * spacing[1] * spacing[2]) / 1000;
  const [inTruth, inPrediction] = [countVoxels(truth), countVoxels(prediction)];
  return {
    truthMl: inTruth * voxelMl,
    predictionMl: inPrediction * voxelMl,
    errorMl: (inPrediction - inTruth) * voxelMl,
    relativeError: inPrediction === inTruth ? 0 : (inPrediction - inTruth) / inTruth,
  };
}

function countVoxels({ data }: VoxelMask): number {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (data[i]) count++;
  return count;
}
