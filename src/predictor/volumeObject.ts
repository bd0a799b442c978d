import { planeOf, type Axis } from "../volume/values.js";
import type { Volume } from "../volume/volume.js";
import { boxWarning, checkPrompt } from "./checkPrompt.js";
import { PromptError, type Box } from "./types.js";

/** What is to be found in a volume. */
export interface VolumeObject {
  /** Value of its voxels, 1 to 65535. Several objects may have the same: pieces of one. */
  readonly label: number;
  /** A box in each prompted slice, one at least, by the slice's number. */
  readonly boxes: ReadonlyMap<number, Box>;
  /** First and last slice that it may reach; default: all. */
  readonly within?: readonly [first: number, last: number];
}

/** @returns the objects, their boxes cut to the slice. @throws PromptError naming the object and what is wrong with it. */
export function checkObjects(volume: Volume, objects: readonly VolumeObject[], axis: Axis): VolumeObject[] {
  const { name, size, frames } = volume;
  if (frames !== 1)
    throw new PromptError(`${name}: has ${frames} frames; expected one: take it with oneFrame(volume, 0)`);
  const { width, height } = planeOf(size, axis, 0);
  if (objects.length === 0) throw new PromptError(`${name}: no object to segment; give a box`);
  return objects.map((object) => {
    const { label, boxes, within: [first, last] = [0, size[axis] - 1] } = object;
    const fail = (what: string) => new PromptError(`${name}: object ${label} ${what}`);
    if (!Number.isInteger(label) || label < 1 || label > 65535)
      throw fail("is no label; expected 1 to 65535");
    if (boxes.size === 0) throw fail("has no box; give one in one slice at least");
    if (!(first >= 0 && first <= last && last < size[axis]))
      throw fail(`may reach slices ${first} to ${last}; the volume has 0 to ${size[axis] - 1}`);
    const cut = [...boxes].map(([slice, box]): [number, Box] => {
      if (!Number.isInteger(slice) || slice < first || slice > last)
        throw fail(`has a box in slice ${slice}; expected one of ${first} to ${last}`);
      return [slice, checkPrompt({ box }, { width, height, maskSide: 0 }).box!];
    });
    return { ...object, boxes: new Map(cut) };
  });
}

/** What to say of boxes that stick out of their slice by a pixel or more. */
export function boxWarnings({ name, size }: Volume, objects: readonly VolumeObject[], axis: Axis): string[] {
  const plane = planeOf(size, axis, 0);
  return objects.flatMap(({ label, boxes }) =>
    [...boxes].flatMap(([slice, box]) => {
      const warning = boxWarning({ box }, plane);
      return warning === undefined ? [] : [`${name}: object ${label}, slice ${slice}: ${warning}`];
    }),
  );
}
