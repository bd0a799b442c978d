import type { SurfaceDistances, SurfaceSide } from "./surface.js";

/*
 * Two empty masks agree: their surface Dice is 1 and every distance 0. Where one is empty the surface Dice is 0 and
 * every distance Infinity.
 */

/**
 * Normalised surface distance (surface Dice): the share of both surfaces' area that lies within `tolerance` of the
 * other surface, in 0..1.
 *
 * @param tolerance in mm; MedSAM's evaluation takes 2.
 * @see DeepMind's surface-distance, `compute_surface_dice_at_tolerance`
 */
export function normalisedSurfaceDistance(
  { truth, prediction }: SurfaceDistances,
  tolerance: number,
): number {
  const total = sum(truth.areas) + sum(prediction.areas);
  return total === 0 ? 1 : (areaWithin(truth, tolerance) + areaWithin(prediction, tolerance)) / total;
}

/**
 * Hausdorff distance in mm that `percent` of each surface's area keeps; the larger of both ways.
 *
 * @param percent 95 for the usual Hausdorff 95.
 * @see DeepMind's surface-distance, `compute_robust_hausdorff`
 */
export function robustHausdorff({ truth, prediction }: SurfaceDistances, percent: number): number {
  if (truth.areas.length === 0 && prediction.areas.length === 0) return 0;
  return Math.max(distanceAt(truth, percent), distanceAt(prediction, percent));
}

/**
 * Average distance in mm of the truth's surface to the prediction's and the other way round, by area.
 *
 * @see DeepMind's surface-distance, `compute_average_surface_distance`
 */
export function averageSurfaceDistances({ truth, prediction }: SurfaceDistances): {
  readonly fromTruth: number;
  readonly fromPrediction: number;
} {
  if (truth.areas.length === 0 && prediction.areas.length === 0) return { fromTruth: 0, fromPrediction: 0 };
  return { fromTruth: average(truth), fromPrediction: average(prediction) };
}

function average({ distances, areas }: SurfaceSide): number {
  if (areas.length === 0) return Infinity;
  return areas.reduce((total, area, i) => total + area * distances[i], 0) / sum(areas);
}

/** The first distance at which the area so far is `percent` of all; Infinity for no surface. */
function distanceAt({ distances, areas }: SurfaceSide, percent: number): number {
  if (areas.length === 0) return Infinity;
  const total = sum(areas);
  let cumulative = 0;
  const index = areas.findIndex((area) => (cumulative += area) / total >= percent / 100);
  return distances[index < 0 ? distances.length - 1 : index];
}

/** Added as the total is, so that the whole surface is exactly all of it. */
function areaWithin({ distances, areas }: SurfaceSide, tolerance: number): number {
  return sum(areas.filter((_, i) => distances[i] <= tolerance));
}

/**
 * Adds in NumPy's order, pairwise. Where a share of the area is met exactly, the last bit of the total decides which
 * element is the first to reach it, and so it does as in the reference.
 */
function sum(values: Float64Array): number {
  const { length } = values;
  if (length > 128) {
    const half = Math.floor(length / 2);
    const middle = half - (half % 8);
    return sum(values.subarray(0, middle)) + sum(values.subarray(middle));
  }
  if (length < 8) return values.reduce((total, value) => total + value, 0);
  const r = values.slice(0, 8);
  const whole = length - (length % 8);
  for (let i = 8; i < whole; i++) r[i % 8] += values[i];
  const total = r[0] + r[1] + (r[2] + r[3]) + (r[4] + r[5] + (r[6] + r[7]));
  return values.subarray(whole).reduce((subtotal, value) => subtotal + value, total);
}
