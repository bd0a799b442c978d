import { maskBox } from "../image/mask.js";
import type { PixelImage } from "../image/pixels.js";
import type { Vector3 } from "../volume/vector.js";
import type { LabelVolume } from "../volume/volume.js";
import { filledBox, inscribedEllipse, otsuInBox } from "./baselines.js";
import { grabCut } from "./grabCut.js";
import { dice } from "./overlap.js";
import { scoreMasks, type Scores } from "./scores.js";
import { contourDistances, surfaceDistances } from "./surface.js";
import { normalisedSurfaceDistance } from "./surfaceScores.js";
import { assertSameGrid, type VoxelMask } from "./voxelMask.js";

/** What is said of one label of a case. */
export interface LabelScore {
  readonly label: number;
  readonly scores: Scores;
  /** What the box alone gives; absent where the truth is empty and so has no box. */
  readonly baselines?: Baselines;
}

/** Scores of what anyone can make of the true object's tight box, slice by slice. */
export interface Baselines {
  readonly box: BaselineScore;
  readonly ellipse: BaselineScore;
  /** Only where there is an image, as the next. */
  readonly otsu?: BaselineScore;
  readonly grabCut?: BaselineScore;
}

export interface BaselineScore {
  readonly dice: number;
  readonly nsd: number;
}

export interface LabelScoreOptions {
  /** Millimetres a voxel, x first. */
  readonly spacing: Vector3;
  /** Of the normalised surface distance, in mm. */
  readonly tolerance: number;
  /** Labels to score. Default: those in the truth or the prediction; where there are none, label 1. */
  readonly labels?: readonly number[];
  /** Slice z of the image, for the baselines that look at it. */
  readonly image?: (z: number) => PixelImage;
}

/**
 * Scores of every label of a prediction, and of the baselines beside them.
 *
 * @throws VolumeError when the volumes are not of one size, or the spacing is not positive.
 */
export function scoreLabels(
  truth: LabelVolume,
  prediction: LabelVolume,
  { spacing, tolerance, labels, image }: LabelScoreOptions,
): LabelScore[] {
  const found = labelsOf(truth, prediction);
  const asked = labels ?? (found.length === 0 ? [1] : found);
  return asked.map((label) => {
    const [real, predicted] = [maskOf(truth, label), maskOf(prediction, label)];
    // Only what lies around both counts; a volume's distances would take much memory.
    const [a, b] = croppedTogether(real, predicted);
    const scores = scoreMasks(a, b, { spacing, tolerance });
    const guesses = boxGuesses(real, image);
    if (guesses === undefined) return { label, scores };
    const score = (guess: VoxelMask) => baselineScore(real, guess, spacing, tolerance);
    const { box, ellipse, otsu, cut } = guesses;
    return {
      ...{ label, scores },
      baselines: {
        ...{ box: score(box), ellipse: score(ellipse) },
        ...(image && { otsu: score(otsu), grabCut: score(cut) }),
      },
    };
  });
}

/** Labels that are anywhere in either, ascending, without the background. */
function labelsOf(...volumes: readonly LabelVolume[]): number[] {
  const found = new Set<number>();
  for (const { data } of volumes) for (let i = 0; i < data.length; i++) found.add(data[i]);
  found.delete(0);
  return [...found].sort((a, b) => a - b);
}

function maskOf({ size, data }: LabelVolume, label: number): VoxelMask {
  const inside = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) if (data[i] === label) inside[i] = 1;
  return { size, data: inside };
}

/** The masks of the baselines, from the box around the object on each slice. */
function boxGuesses(truth: VoxelMask, image: LabelScoreOptions["image"]) {
  const [width, height, depth] = truth.size;
  const area = width * height;
  const empty = (): VoxelMask => ({ size: truth.size, data: new Uint8Array(area * depth) });
  const [box, ellipse, otsu, cut] = [empty(), empty(), empty(), empty()];
  let boxes = 0;
  for (let z = 0; z < depth; z++) {
    const data = truth.data.subarray(z * area, (z + 1) * area);
    const around = maskBox({ width, height, data });
    if (around === undefined) continue;
    boxes++;
    box.data.set(filledBox({ width, height }, around).data, z * area);
    ellipse.data.set(inscribedEllipse({ width, height }, around).data, z * area);
    const shown = image?.(z);
    if (shown === undefined) continue;
    otsu.data.set(otsuInBox(shown, around).data, z * area);
    cut.data.set(grabCut(shown, around).data, z * area);
  }
  return boxes === 0 ? undefined : { box, ellipse, otsu, cut };
}

/** The guess lies within the truth's boxes, so surfaces are cropped to these anyway. */
function baselineScore(
  truth: VoxelMask,
  guess: VoxelMask,
  spacing: Vector3,
  tolerance: number,
): BaselineScore {
  const [x, y] = spacing;
  const surfaces =
    truth.size[2] === 1 ? contourDistances(truth, guess, [x, y]) : surfaceDistances(truth, guess, spacing);
  return { dice: dice(truth, guess), nsd: normalisedSurfaceDistance(surfaces, tolerance) };
}

/** The columns and rows around both masks, all slices; one column and row where both are empty. */
function croppedTogether(a: VoxelMask, b: VoxelMask): readonly [VoxelMask, VoxelMask] {
  assertSameGrid(a, b);
  const [width, height, depth] = a.size;
  let [x0, y0, x1, y1] = [width, height, -1, -1];
  for (let i = 0; i < a.data.length; i++) {
    if (!a.data[i] && !b.data[i]) continue;
    const x = i % width;
    const y = Math.floor(i / width) % height;
    if (x < x0) x0 = x;
    if (x > x1) x1 = x;
    if (y < y0) y0 = y;
    if (y > y1) y1 = y;
  }
  const [columns, rows] = x1 < 0 ? [1, 1] : [x1 - x0 + 1, y1 - y0 + 1];
  const [left, top] = x1 < 0 ? [0, 0] : [x0, y0];
  const crop = ({ data }: VoxelMask): VoxelMask => {
    const out = new Uint8Array(columns * rows * depth);
    for (let row = 0; row < rows * depth; row++) {
      const from = left + width * (top + (row % rows) + height * Math.floor(row / rows));
      out.set(data.subarray(from, from + columns), row * columns);
    }
    return { size: [columns, rows, depth], data: out };
  };
  return [crop(a), crop(b)];
}
