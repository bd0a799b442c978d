import { encodePng } from "../image/encode.js";
import type { Mask } from "../image/mask.js";
import type { VolumeObject } from "../predictor/volume/volumeObject.js";
import type { VolumeSegmentation } from "../predictor/volume/volumeResult.js";
import { acrossSlice, planeOf, volumeSlice, type Axis } from "../volume/values.js";
import type { Grid, LabelVolume, Volume } from "../volume/volume.js";
import { sheetOf, type ShownObject, type ShownSlice } from "./tiles.js";

const MOST_SLICES = 12;

/**
 * A PNG of slices with what was asked for and found in them: their numbers, a frame around those with prompts, and below
 * each row the same slices with the objects large.
 *
 * @param truth drawn as a white outline.
 */
export function slicesPicture(
  volume: Volume,
  { labels, objects }: VolumeSegmentation,
  asked: readonly VolumeObject[],
  axis: Axis,
  truth?: LabelVolume,
): Uint8Array {
  const values = [...new Set(asked.map(({ label }) => label))];
  const prompted = new Set(asked.flatMap(({ prompts }) => [...prompts.keys()]));
  const found = objects.flatMap(({ slices }) =>
    slices.flatMap(({ slice, pixels }) => (pixels > 0 ? [slice] : [])),
  );
  const all = new Set([...found, ...prompted, ...(truth ? slicesWith(truth, values, axis) : [])]);
  const shown = chosenSlices([...all], [...prompted]).map((slice): ShownSlice => ({
    ...{ slice, prompted: prompted.has(slice), image: volumeSlice(volume, axis, slice) },
    objects: values.map((value) => ({
      found: maskOf(labels, axis, slice, value),
      ...(truth && { truth: maskOf(truth, axis, slice, value) }),
      ...promptsIn(slice, asked.filter(({ label }) => label === value)), // prettier-ignore
    })),
  }));
  return encodePng(sheetOf(shown, stepsOf(volume, axis)));
}

/** Some of the slices, evenly taken; those with prompts are among them, as far as there is room. */
export function chosenSlices(slices: readonly number[], prompted: readonly number[]): number[] {
  const all = [...slices].sort((a, b) => a - b);
  const count = Math.min(MOST_SLICES, all.length);
  const even = Array.from({ length: count }, (_, n) => all[Math.round((n * (all.length - 1)) / Math.max(1, count - 1))]); // prettier-ignore
  const wanted = new Set([...prompted].sort((a, b) => a - b).slice(0, count));
  const chosen = new Set(even);
  for (const slice of wanted) {
    if (chosen.has(slice)) continue;
    const free = [...chosen].filter((other) => !wanted.has(other));
    chosen.delete(free.reduce((near, other) => (Math.abs(other - slice) < Math.abs(near - slice) ? other : near))); // prettier-ignore
    chosen.add(slice);
  }
  return [...chosen].sort((a, b) => a - b);
}

/** The prompts of some objects in one slice. */
export function promptsIn(
  slice: number,
  asked: readonly VolumeObject[],
): Pick<ShownObject, "boxes" | "points"> {
  const prompts = asked.flatMap(({ prompts: own }) => own.get(slice) ?? []);
  return {
    boxes: prompts.flatMap(({ box }) => (box ? [box] : [])),
    points: prompts.flatMap(({ pointCoords = [], pointLabels = [] }) =>
      pointCoords.map(([x, y], n) => ({ x, y, foreground: pointLabels[n] === 1 })),
    ),
  };
}

/** The voxels of a label in one slice. */
export function maskOf({ size, data }: LabelVolume, axis: Axis, slice: number, value: number): Mask {
  const { width, height, start, right, down } = planeOf(size, axis, slice);
  const inside = (_: unknown, i: number) =>
    data[start + (i % width) * right + Math.floor(i / width) * down] === value ? 1 : 0;
  return { width, height, data: Uint8Array.from({ length: width * height }, inside) };
}

function slicesWith(labels: LabelVolume, values: readonly number[], axis: Axis): number[] {
  const isValue = new Set(values);
  return Array.from({ length: labels.size[axis] }, (_, slice) => slice).filter((slice) => {
    const { width, height, start, right, down } = planeOf(labels.size, axis, slice);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) if (isValue.has(labels.data[start + x * right + y * down])) return true;
    return false;
  });
}

/** Millimetres of a slice's pixels, of one length where the file does not say. */
export function stepsOf({ pixelSpacing: [x, y] = [1, 1], sliceSpacing: z = 1 }: Grid, axis: Axis) {
  return acrossSlice([x, y, z], axis);
}
