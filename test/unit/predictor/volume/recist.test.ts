import { describe, expect, it, test } from "vitest";
import { objectsFromMarkers, recistBox } from "../../../../src/predictor/volume/recist.js";

const SLICE = { width: 40, height: 30 };

describe("the box of a RECIST line", () => {
  test.each([
    // Centre and half of the length are cut off to whole pixels, as MedSAM2's script does.
    [[10, 10, 19, 10], [10, 6, 18, 14]], // prettier-ignore
    [[19, 10, 10, 10], [10, 6, 18, 14]], // prettier-ignore
    [[10, 5, 16, 13], [8, 4, 18, 14]], // prettier-ignore
    [[2, 3, 2, 27], [0, 3, 14, 27]], // prettier-ignore
    [[30, 25, 39, 29], [30, 23, 38, 29]], // prettier-ignore
  ] as const)("%j is a square in whole pixels, cut to the slice", (line, box) => {
    expect(recistBox(line, SLICE)).toEqual(box);
  });

  it("is refused where the line is a point or leaves the slice", () => {
    expect(() => recistBox([5, 5, 6, 5], SLICE)).toThrow(/shorter than two pixels/);
    expect(() => recistBox([5, 5, 40, 5], SLICE)).toThrow(
      /leaves the slice; expected both ends within 40 x 30/,
    );
  });
});

describe("markers as prompts", () => {
  /** Marked pixels as [label, x, y, slice]. */
  const marked = (...pixels: [number, number, number, number][]) => {
    const data = new Uint8Array(40 * 30 * 3);
    for (const [label, x, y, slice] of pixels) data[x + 40 * (y + 30 * slice)] = label;
    return { size: [40, 30, 3] as const, data };
  };

  it("each label is an object with the box of its first and last pixel", () => {
    const labels = marked([7, 19, 10, 1], [7, 10, 10, 1], [7, 14, 10, 1], [2, 10, 5, 2], [2, 16, 13, 2]);
    expect(objectsFromMarkers(labels)).toEqual([
      { label: 2, prompts: new Map([[2, { box: [8, 4, 18, 14] }]]) },
      { label: 7, prompts: new Map([[1, { box: [10, 6, 18, 14] }]]) },
    ]);
  });

  it("are refused where there is none, and where one is in several slices or too short", () => {
    expect(() => objectsFromMarkers(marked())).toThrow(/have no voxel that is not 0/);
    expect(() => objectsFromMarkers(marked([3, 1, 1, 0], [3, 9, 9, 2]))).toThrow(
      /label 3 is in slices 0 and 2/,
    );
    expect(() => objectsFromMarkers(marked([3, 1, 1, 0]))).toThrow(/label 3 in slice 0: .*shorter than two/);
  });
});
