import { connectedComponents } from "../image/components.js";
import { maskBox, type Mask } from "../image/mask.js";
import { planeOf, type Axis } from "../volume/values.js";
import type { LabelVolume } from "../volume/volume.js";
import type { VolumeObject } from "./segmentVolume.js";
import { PromptError, type Box } from "./types.js";

/** Which labels and slices become prompts, and how. */
export interface ObjectsFromLabelsOptions {
  /** Axis of voxels that the slices lie along; default 2, as stored. */
  readonly axis?: Axis;
  /** `middle`: the middle slice of each object is prompted; `every`: all its slices, as a box a slice. Default `middle`. */
  readonly slices?: "middle" | "every";
  /** Pixels by which each side moves outwards; default 0. */
  readonly margin?: number;
  /** In each prompted slice, pieces of fewer pixels than this are left out of the box. Default 10, MedSAM's rule. */
  readonly leastPixels?: number;
}

/**
 * Prompts from a ground truth, as MedSAM is evaluated: for each label a box around it in its middle slice (of those that
 * have it), or in every slice, reaching no further than the label does.
 *
 * @throws PromptError when nothing is labelled.
 */
export function objectsFromLabels(
  labels: LabelVolume,
  options: ObjectsFromLabelsOptions = {},
): VolumeObject[] {
  const { axis = 2, slices = "middle", margin = 0, leastPixels = 10 } = options;
  const boxes = new Map<number, Map<number, Box>>();
  for (let slice = 0; slice < labels.size[axis]; slice++)
    for (const [label, mask] of masksOf(labels, axis, slice)) {
      const box = boxAround(mask, leastPixels, margin);
      if (box === undefined) continue;
      if (!boxes.has(label)) boxes.set(label, new Map());
      boxes.get(label)!.set(slice, box);
    }
  if (boxes.size === 0)
    throw new PromptError(`labels: have no object of ${leastPixels} pixels or more in any slice`);
  return [...boxes]
    .sort(([a], [b]) => a - b)
    .map(([label, all]): VolumeObject => {
      const found = [...all.keys()];
      const middle = found[Math.floor((found.length - 1) / 2)];
      return {
        label,
        boxes: slices === "every" ? all : new Map([[middle, all.get(middle)!]]),
        within: [found[0], found[found.length - 1]],
      };
    });
}

/** The labels of a slice and where each is. */
function masksOf({ size, data }: LabelVolume, axis: Axis, slice: number): Map<number, Mask> {
  const { width, height, start, right, down } = planeOf(size, axis, slice);
  const masks = new Map<number, Mask>();
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const label = data[start + x * right + y * down];
      if (label === 0) continue;
      let mask = masks.get(label);
      if (mask === undefined)
        masks.set(label, (mask = { width, height, data: new Uint8Array(width * height) }));
      mask.data[i] = 1;
    }
  return masks;
}

function boxAround(mask: Mask, leastPixels: number, margin: number): Box | undefined {
  const { labels, sizes } = connectedComponents(mask);
  const large = Uint8Array.from(labels, (piece) => (piece > 0 && sizes[piece - 1] >= leastPixels ? 1 : 0));
  const box = maskBox({ ...mask, data: large });
  if (box === undefined) return undefined;
  const [x0, y0, x1, y1] = box;
  return [
    Math.max(0, x0 - margin),
    Math.max(0, y0 - margin),
    Math.min(mask.width - 1, x1 + margin),
    Math.min(mask.height - 1, y1 + margin),
  ];
}
