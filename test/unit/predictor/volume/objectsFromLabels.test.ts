import { describe, expect, test } from "vitest";
import { objectsFromLabels, objectsFromMasks } from "../../../../src/predictor/volume/objectsFromLabels.js";
import type { Box } from "../../../../src/predictor/types.js";
import { planeOf } from "../../../../src/volume/values.js";
import { piecesOf } from "../../../../src/volume/pieces.js";
import type { Vector3 } from "../../../../src/volume/vector.js";
import type { LabelVolume } from "../../../../src/volume/volume.js";

const SIZE: Vector3 = [40, 30, 8];
type Block = readonly [label: number, x0: number, y0: number, z0: number, x1: number, y1: number, z1: number];

/** Blocks of labels, corners inclusive. */
function blocks(...all: readonly Block[]): LabelVolume {
  const data = new Uint8Array(SIZE[0] * SIZE[1] * SIZE[2]);
  for (const [label, x0, y0, z0, x1, y1, z1] of all)
    for (let z = z0; z <= z1; z++)
      for (let y = y0; y <= y1; y++)
        for (let x = x0; x <= x1; x++) data[x + SIZE[0] * (y + SIZE[1] * z)] = label;
  return { size: SIZE, pixelSpacing: [0.5, 1], sliceSpacing: 3, data };
}
const plain = (objects: ReturnType<typeof objectsFromLabels>) =>
  objects.map(({ label, prompts, within }) => [
    label,
    [...prompts].map(([slice, { box }]) => [slice, box]),
    within,
  ]);

/** Two blocks of label 2, of which one touches another of it at a corner alone; one of label 1; a speck. */
const LABELS = blocks(
  [2, 3, 4, 0, 9, 10, 4],
  [2, 10, 11, 5, 14, 16, 6],
  [2, 25, 5, 2, 31, 9, 4],
  [1, 20, 20, 3, 28, 26, 5],
  [1, 38, 28, 3, 38, 28, 3],
);

describe("boxes from labels", () => {
  test("pieces touch at corners too, of one label alone", () => {
    const { labels, sizes, numbers } = piecesOf(SIZE, LABELS.data);
    expect(labels).toEqual([2, 2, 1, 1]);
    expect(sizes).toEqual([7 * 7 * 5 + 5 * 6 * 2, 7 * 5 * 3, 9 * 7 * 3, 1]);
    expect(numbers.filter((number) => number > 0)).toHaveLength(
      LABELS.data.filter((label) => label > 0).length,
    );
  });

  test("a label is one object, or each of its pieces; specks do not count", () => {
    expect(plain(objectsFromLabels(LABELS))).toEqual([
      [1, [[4, [20, 20, 28, 26]]], [3, 5]],
      [2, [[3, [3, 4, 31, 10]]], [0, 6]],
    ]);
    expect(plain(objectsFromLabels(LABELS, { pieces: true }))).toEqual([
      [1, [[4, [20, 20, 28, 26]]], [3, 5]],
      [2, [[3, [3, 4, 9, 10]]], [0, 6]],
      [2, [[3, [25, 5, 31, 9]]], [2, 4]],
    ]);
    const every = objectsFromLabels(LABELS, { pieces: true, slices: "every" });
    expect([...every[1].prompts.keys()]).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(every[1].prompts.get(6)).toEqual({ box: [10, 11, 14, 16] });
    // An image is a volume of one slice.
    const image = { size: [40, 30, 1] as const, data: LABELS.data.slice(3 * 1200, 4 * 1200) };
    expect(plain(objectsFromLabels(image, { pieces: true })).map(([label]) => label)).toEqual([1, 2, 2]);
  });

  test("masks are taken from every slice that has the label, along any axis", () => {
    for (const axis of [0, 1, 2] as const) {
      const objects = objectsFromMasks(LABELS, axis);
      expect(objects.map(({ label }) => label)).toEqual([1, 2]);
      const back = new Uint8Array(LABELS.data.length);
      for (const { label, prompts } of objects)
        for (const [slice, { mask }] of prompts) {
          const { width, start, right, down } = planeOf(SIZE, axis, slice);
          mask!.data.forEach((value, i) => {
            if (value) back[start + (i % width) * right + Math.floor(i / width) * down] = label;
          });
        }
      expect(back).toEqual(LABELS.data);
    }
    expect(() => objectsFromMasks(blocks())).toThrow("labels: have no voxel that is not 0");
  });

  test("a margin in pixels or in mm, within the slice, along any axis", () => {
    const one = blocks([1, 2, 6, 3, 12, 20, 5]);
    const box = (options: Parameters<typeof objectsFromLabels>[1]) => [...objectsFromLabels(one, options)[0].prompts.values()][0].box; // prettier-ignore
    expect(box({ margin: 3 })).toEqual([0, 3, 15, 23]);
    expect(box({ margin: { mm: 2 } })).toEqual([0, 4, 16, 22]);
    expect(box({ margin: { mm: 3 }, axis: 1 })).toEqual([0, 2, 18, 6]);
    expect(() => objectsFromLabels({ size: one.size, data: one.data }, { margin: { mm: 2 } })).toThrow("no pixel spacing"); // prettier-ignore
  });

  test("jitter moves each side outwards by up to so many pixels; a seed gives the same boxes", () => {
    const one = blocks([1, 15, 12, 0, 25, 18, 7]);
    const boxes = (seed: number): Box[] => [...objectsFromLabels(one, { slices: "every", jitter: 4, seed })[0].prompts.values()].map(({ box }) => box!); // prettier-ignore
    expect(boxes(3)).toEqual(boxes(3));
    expect(boxes(3)).not.toEqual(boxes(4));
    const moved = Array.from({ length: 40 }, (_, seed) => boxes(seed))
      .flat()
      .map(([x0, y0, x1, y1]) => [15 - x0, 12 - y0, x1 - 25, y1 - 18]);
    for (const side of [0, 1, 2, 3])
      expect(new Set(moved.map((by) => by[side]))).toEqual(new Set([0, 1, 2, 3, 4]));
  });
});
