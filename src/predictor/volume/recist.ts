import { planeOf, type Axis } from "../../volume/values.js";
import type { LabelVolume } from "../../volume/volume.js";
import { PromptError, type Box } from "../types.js";
import { boxPrompts, type VolumeObject } from "./volumeObject.js";

/** A line across a lesion from end to end, as RECIST measures it, in pixels. */
export type RecistLine = readonly [x0: number, y0: number, x1: number, y1: number];

/**
 * The square around a RECIST line, as long and as wide as the line, in whole pixels and cut to the slice.
 *
 * @throws PromptError for a line of less than two pixels, or outside the slice.
 * @see bowang-lab/MedSAM2, medsam2_infer_CT_lesion_npz_recist.py, with `--propagate_with_box`
 */
export function recistBox(
  [x0, y0, x1, y1]: RecistLine,
  { width, height }: { readonly width: number; readonly height: number },
): Box {
  const fail = (what: string) => new PromptError(`the RECIST line [${[x0, y0, x1, y1].join(", ")}] ${what}`);
  const inside = (x: number, y: number) => x >= 0 && y >= 0 && x < width && y < height;
  if (!inside(x0, y0) || !inside(x1, y1))
    throw fail(`leaves the slice; expected both ends within ${width} x ${height} pixels`);
  const half = Math.trunc(Math.hypot(x1 - x0, y1 - y0) / 2);
  if (half < 1) throw fail("is shorter than two pixels; expected the ends of the longest diameter");
  const [x, y] = [Math.trunc((x0 + x1) / 2), Math.trunc((y0 + y1) / 2)];
  return [
    Math.max(0, x - half),
    Math.max(0, y - half),
    Math.min(width - 1, x + half),
    Math.min(height - 1, y + half),
  ];
}

/**
 * Labels that mark RECIST lines as prompts: each label is an object, and its pixels, all in one slice, are its line, from
 * the first to the last of them.
 *
 * @param axis of voxels that the slices lie along.
 * @throws PromptError when nothing is labelled, or a label is in several slices or no line.
 */
export function objectsFromMarkers({ size, data }: LabelVolume, axis: Axis = 2): VolumeObject[] {
  const lines = new Map<number, { readonly slice: number; line: RecistLine }>();
  for (let slice = 0; slice < size[axis]; slice++) {
    const { width, height, start, right, down } = planeOf(size, axis, slice);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const label = data[start + x * right + y * down];
        if (label === 0) continue;
        const known = lines.get(label);
        if (known === undefined) lines.set(label, { slice, line: [x, y, x, y] });
        else if (known.slice !== slice)
          throw new PromptError(
            `markers: label ${label} is in slices ${known.slice} and ${slice}; expected each RECIST line in one slice`,
          );
        else known.line = [known.line[0], known.line[1], x, y];
      }
  }
  if (lines.size === 0) throw new PromptError("markers: have no voxel that is not 0");
  return [...lines]
    .sort(([a], [b]) => a - b)
    .map(([label, { slice, line }]) => {
      try {
        return { label, prompts: boxPrompts([[slice, recistBox(line, planeOf(size, axis, slice))]]) };
      } catch (error) {
        if (!(error instanceof PromptError)) throw error;
        throw new PromptError(`markers: label ${label} in slice ${slice}: ${error.message}`);
      }
    });
}
