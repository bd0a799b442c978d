import { piecesOf } from "../../volume/pieces.js";
import { acrossSlice, planeOf, type Axis } from "../../volume/values.js";
import { spacingOf, type LabelVolume } from "../../volume/volume.js";
import { hashOf, randomStream } from "../../weights/initial.js";
import type { Mask } from "../../image/mask.js";
import { PromptError, type Box } from "../types.js";
import { boxPrompts, type SlicePrompt, type VolumeObject } from "./volumeObject.js";

/** Which labels and slices become prompts, and how. */
export interface ObjectsFromLabelsOptions {
  /** Axis of voxels that the slices lie along; default 2, as stored. */
  readonly axis?: Axis;
  /** `middle`: the middle slice of each object is prompted; `every`: all its slices, as a box a slice. Default `middle`. */
  readonly slices?: "middle" | "every";
  /** Each piece of a label is an object with a box of its own, and the label's value. Default false: the label is one. */
  readonly pieces?: boolean;
  /** Pixels, or millimetres, by which each side moves outwards; default 0. */
  readonly margin?: number | { readonly mm: number };
  /** Most pixels by which each side moves outwards besides, drawn anew for each: MedSAM trains with 20. Default 0. */
  readonly jitter?: number;
  /** Of the jitter: the same seed gives the same boxes. Default 1. */
  readonly seed?: number;
  /** In each slice, pieces of fewer pixels than this are left out of the box. Default 10, MedSAM's rule. */
  readonly leastPixels?: number;
}

/**
 * Prompts from a ground truth, as MedSAM is evaluated: for each label, or each piece of one, a box around it in its middle
 * slice (of those that have it), or in every slice, reaching no further than it does. An image is a volume of one slice.
 *
 * @throws PromptError when nothing is labelled; VolumeError for a margin in mm where the spacing is not known.
 */
export function objectsFromLabels(
  labels: LabelVolume,
  options: ObjectsFromLabelsOptions = {},
): VolumeObject[] {
  const { axis = 2, slices = "middle", pieces = false, leastPixels = 10 } = options;
  const { size } = labels;
  const whole = pieces ? piecesOf(size, labels.data) : undefined;
  const widen = widening(labels, options);
  const boxes = new Map<number, Map<number, Box>>();
  for (let slice = 0; slice < size[axis]; slice++) {
    const { width, height } = planeOf(size, axis, slice);
    for (const [object, box] of boxesIn(whole?.numbers ?? labels.data, labels, axis, slice, leastPixels)) {
      if (!boxes.has(object)) boxes.set(object, new Map());
      boxes.get(object)!.set(slice, widen(box, width, height, `${object}/${slice}`));
    }
  }
  if (boxes.size === 0)
    throw new PromptError(`labels: have no object of ${leastPixels} pixels or more in any slice`);
  return [...boxes]
    .map(([object, all]) => ({ object, label: whole?.labels[object - 1] ?? object, all }))
    .sort((a, b) => a.label - b.label || a.object - b.object)
    .map(({ label, all }): VolumeObject => {
      const found = [...all.keys()];
      const middle = found[Math.floor((found.length - 1) / 2)];
      return {
        label,
        prompts: boxPrompts(slices === "every" ? all : [[middle, all.get(middle)!]]),
        within: [found[0], found[found.length - 1]],
      };
    });
}

/**
 * Labels as prompts: each label is an object, which is prompted by its mask in every slice that has it.
 *
 * @param axis of voxels that the slices lie along.
 * @throws PromptError when nothing is labelled.
 */
export function objectsFromMasks(labels: LabelVolume, axis: Axis = 2): VolumeObject[] {
  const { size, data } = labels;
  const objects = new Map<number, Map<number, SlicePrompt>>();
  for (let slice = 0; slice < size[axis]; slice++) {
    const plane = planeValues(data, size, axis, slice);
    const { width, height } = planeOf(size, axis, slice);
    for (const label of new Set(plane)) {
      if (label === 0) continue;
      const mask: Mask = {
        width,
        height,
        data: Uint8Array.from(plane, (value) => (value === label ? 1 : 0)),
      };
      if (!objects.has(label)) objects.set(label, new Map());
      objects.get(label)!.set(slice, { mask });
    }
  }
  if (objects.size === 0) throw new PromptError("labels: have no voxel that is not 0");
  return [...objects].map(([label, prompts]) => ({ label, prompts })).sort((a, b) => a.label - b.label);
}

/** The values of a slice, row by row. */
function planeValues(
  values: ArrayLike<number>,
  size: LabelVolume["size"],
  axis: Axis,
  slice: number,
): Int32Array {
  const { width, height, start, right, down } = planeOf(size, axis, slice);
  const valueAt = (i: number) => values[start + (i % width) * right + Math.floor(i / width) * down];
  return Int32Array.from({ length: width * height }, (_, i) => valueAt(i));
}

/** The boxes of the objects in a slice, by their values, around their pieces that are not too small. */
function boxesIn(
  values: ArrayLike<number>,
  { size }: LabelVolume,
  axis: Axis,
  slice: number,
  leastPixels: number,
): Map<number, Box> {
  const { width, height } = planeOf(size, axis, slice);
  const plane = planeValues(values, size, axis, slice);
  const boxes = new Map<number, Box>();
  const { numbers, sizes } = piecesOf([width, height, 1], plane);
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      if (numbers[i] === 0 || sizes[numbers[i] - 1] < leastPixels) continue;
      const [x0, y0, x1, y1] = boxes.get(plane[i]) ?? [x, y, x, y];
      boxes.set(plane[i], [Math.min(x0, x), y0, Math.max(x1, x), Math.max(y1, y)]);
    }
  return boxes;
}

/** What moves the sides of boxes outwards, not beyond the slice. */
function widening(
  labels: LabelVolume,
  { axis = 2, margin = 0, jitter = 0, seed = 1 }: ObjectsFromLabelsOptions,
): (box: Box, width: number, height: number, name: string) => Box {
  const inPixels = (mm: number) => acrossSlice(spacingOf(labels, "labels"), axis).map((step) => Math.round(mm / step)); // prettier-ignore
  const [across, down] = typeof margin === "number" ? [margin, margin] : inPixels(margin.mm);
  return ([x0, y0, x1, y1], width, height, name) => {
    const random = randomStream(hashOf(`${seed}/${name}`));
    const drawn = () => Math.floor((jitter + 1) * random());
    return [
      Math.max(0, x0 - across - drawn()),
      Math.max(0, y0 - down - drawn()),
      Math.min(width - 1, x1 + across + drawn()),
      Math.min(height - 1, y1 + down + drawn()),
    ];
  };
}
