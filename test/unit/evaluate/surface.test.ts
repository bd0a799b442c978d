import { describe, expect, test } from "vitest";
import { dice } from "../../../src/evaluate/overlap.js";
import { contourDistances, surfaceDistances } from "../../../src/evaluate/surface.js";
import { surfaceAreas } from "../../../src/evaluate/surfaceArea.js";
import {
  averageSurfaceDistances,
  normalisedSurfaceDistance,
  robustHausdorff,
} from "../../../src/evaluate/surfaceScores.js";
import type { VoxelMask } from "../../../src/evaluate/voxelMask.js";
import type { Vector3 } from "../../../src/volume/vector.js";
import { block, voxelMask } from "./masks.js";

interface Golden {
  readonly name: string;
  readonly masks: readonly [truth: VoxelMask, prediction: VoxelMask];
  readonly spacing: Vector3;
  readonly dice: number;
  readonly area: readonly [number, number];
  readonly elements: readonly [number, number];
  /** At 0, 0.5, 1, 2 and 3 mm. */
  readonly nsd: readonly number[];
  readonly hausdorff95: number;
  readonly average: readonly [number, number];
}

const cubes = [block([10, 10, 10], [2, 2, 2], [6, 6, 6]), block([10, 10, 10], [3, 2, 2], [7, 6, 6])] as const;
const ellipsoid = (centre: Vector3, radius: Vector3) =>
  voxelMask(
    [20, 24, 16],
    (...at) => at.reduce((sum, place, i) => sum + ((place - centre[i]) / radius[i]) ** 2, 0) <= 1,
  );

/** Printed by DeepMind's surface-distance; its arrays have z first, these masks x. */
const GOLDEN: readonly Golden[] = [
  {
    ...{ name: "cubes", masks: cubes, spacing: [1, 1, 1], dice: 0.75 },
    ...{ area: [81.18789, 81.18789], elements: [98, 98], nsd: [0.663111, 0.663111, 1, 1, 1] },
    ...{ hausdorff95: 1, average: [0.33689, 0.33689] },
  },
  {
    ...{ name: "cubes, spacing unlike", masks: cubes, spacing: [2, 1, 5], dice: 0.75 },
    ...{ area: [477.93908, 477.93908], elements: [98, 98], nsd: [0.695829, 0.695829, 0.758598, 1, 1] },
    ...{ hausdorff95: 2, average: [0.54557, 0.54557] },
  },
  {
    ...{ name: "ellipsoids", masks: [ellipsoid([9, 11, 7], [5, 7, 4]), ellipsoid([9, 12, 8], [6, 6, 5])] },
    ...{ spacing: [0.8, 0.8, 2.5], dice: 0.755319, area: [560.91124, 655.13631], elements: [520, 592] },
    ...{ nsd: [0.468341, 0.468341, 0.779051, 0.9104, 0.982263], hausdorff95: 2.74408 },
    average: [0.53855, 0.81019],
  },
  {
    ...{ name: "one slice", masks: [block([12, 12, 1], [2, 3, 0], [9, 8, 1]), block([12, 12, 1], [2, 4, 0], [8, 9, 1])] }, // prettier-ignore
    ...{ spacing: [1, 1, 1], dice: 0.738462, area: [78.01632, 67.18789], elements: [96, 84] },
    ...{ nsd: [0.838997, 0.838997, 0.997018, 1, 1], hausdorff95: 1, average: [0.20022, 0.11813] },
  },
  {
    ...{ name: "a voxel and nothing", masks: [block([4, 4, 4], [1, 1, 1], [2, 2, 2]), block([4, 4, 4], [0, 0, 0], [0, 0, 0])] }, // prettier-ignore
    ...{ spacing: [1, 1, 1], dice: 0, area: [1.73205, 0], elements: [8, 0], nsd: [0, 0, 0, 0, 0] },
    ...{ hausdorff95: Infinity, average: [Infinity, Infinity] },
  },
];

const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);

describe("surfaces", () => {
  test.each(GOLDEN)("$name", ({ masks: [truth, prediction], spacing, ...golden }) => {
    expect(dice(truth, prediction)).toBeCloseTo(golden.dice, 6);
    const surfaces = surfaceDistances(truth, prediction, spacing);
    expect(sum(surfaces.truth.areas)).toBeCloseTo(golden.area[0], 5);
    expect(sum(surfaces.prediction.areas)).toBeCloseTo(golden.area[1], 5);
    expect([surfaces.truth.areas.length, surfaces.prediction.areas.length]).toEqual(golden.elements);
    for (const [i, tolerance] of [0, 0.5, 1, 2, 3].entries())
      expect(normalisedSurfaceDistance(surfaces, tolerance), `${tolerance} mm`).toBeCloseTo(golden.nsd[i], 6);
    expect(robustHausdorff(surfaces, 95)).toBeCloseTo(golden.hausdorff95, 5);
    const { fromTruth, fromPrediction } = averageSurfaceDistances(surfaces);
    expect(fromTruth).toBeCloseTo(golden.average[0], 5);
    expect(fromPrediction).toBeCloseTo(golden.average[1], 5);
    // Seen from the other side.
    const swapped = surfaceDistances(prediction, truth, spacing);
    expect(swapped).toEqual({ truth: surfaces.prediction, prediction: surfaces.truth });
  });

  test("distances ascend", () => {
    const [truth, prediction] = GOLDEN[2].masks;
    const { distances } = surfaceDistances(truth, prediction, [0.8, 0.8, 2.5]).truth;
    expect([...distances].sort((a, b) => a - b)).toEqual([...distances]);
    expect(distances.at(-1)).toBeGreaterThan(2);
  });

  test("two empty masks agree", () => {
    const empty = block([4, 3, 2], [0, 0, 0], [0, 0, 0]);
    const surfaces = surfaceDistances(empty, empty, [1, 1, 1]);
    expect(normalisedSurfaceDistance(surfaces, 2)).toBe(1);
    expect(robustHausdorff(surfaces, 95)).toBe(0);
    expect(averageSurfaceDistances(surfaces)).toEqual({ fromTruth: 0, fromPrediction: 0 });
  });

  test("a mask that fills the volume has a surface at the border", () => {
    const full = block([3, 4, 5], [0, 0, 0], [3, 4, 5]);
    const surfaces = surfaceDistances(full, full, [1, 1, 1]);
    expect(surfaces.truth.areas).toHaveLength(4 * 5 * 6 - 2 * 3 * 4);
    expect(robustHausdorff(surfaces, 100)).toBe(0);
  });

  test("masks of other sizes, and spacing that is none, are refused", () => {
    const a = block([2, 3, 4], [0, 0, 0], [1, 1, 1]);
    const b = block([3, 2, 4], [0, 0, 0], [1, 1, 1]);
    expect(() => surfaceDistances(a, b, [1, 1, 1])).toThrow("prediction is 3 x 2 x 4; expected 2 x 3 x 4");
    expect(() => surfaceDistances(a, a, [1, 0, 1])).toThrow("spacing is [1, 0, 1]; expected three positive");
    expect(() => surfaceDistances(a, { size: a.size, data: new Uint8Array(3) }, [1, 1, 1])).toThrow(
      "prediction: has 3 voxels; expected 24 = 2 x 3 x 4",
    );
  });
});

/** Printed by DeepMind's surface-distance for 2D arrays. */
const CONTOURS = [
  {
    ...{ name: "rectangles", spacing: [1, 1], area: [22.828427, 20.828427], elements: [24, 22] },
    masks: [block([12, 12, 1], [2, 3, 0], [9, 8, 1]), block([12, 12, 1], [2, 4, 0], [8, 9, 1])],
    ...{ nsd: [0.261453, 0.261453, 0.983803, 1, 1], hausdorff95: 1 },
  },
  {
    ...{ name: "rectangles, spacing unlike", spacing: [0.5, 2], area: [26.123106, 25.123106] },
    ...{ elements: [24, 22], masks: [block([12, 12, 1], [2, 3, 0], [9, 8, 1]), block([12, 12, 1], [2, 4, 0], [8, 9, 1])] }, // prettier-ignore
    ...{ nsd: [0.401231, 0.74392, 0.782948, 0.979886, 1], hausdorff95: 2 },
  },
  {
    ...{ name: "ellipses", spacing: [0.6, 0.8], area: [30, 29.2], elements: [52, 52] },
    masks: [ellipse(9, 11, 5, 7), ellipse(9, 12, 6, 6)],
    ...{ nsd: [0.412162, 0.412162, 0.949324, 1, 1], hausdorff95: 1.442221 },
  },
  {
    ...{ name: "pixels that touch at corners", spacing: [1.5, 1], area: [10.211103, 7.211103] },
    ...{ elements: [9, 7], masks: [pixels([1, 1], [2, 2], [3, 2]), pixels([2, 1], [1, 2])] },
    ...{ nsd: [0.655214, 0.655214, 0.896524, 1, 1], hausdorff95: 1.802776 },
  },
] as const satisfies readonly (Pick<
  Golden,
  "name" | "masks" | "area" | "elements" | "nsd" | "hausdorff95"
> & {
  spacing: readonly [number, number];
})[];

function ellipse(centreX: number, centreY: number, radiusX: number, radiusY: number) {
  return voxelMask(
    [20, 24, 1],
    (x, y) => ((x - centreX) / radiusX) ** 2 + ((y - centreY) / radiusY) ** 2 <= 1,
  );
}

function pixels(...list: readonly (readonly [x: number, y: number])[]) {
  return voxelMask([6, 6, 1], (x, y) => list.some(([px, py]) => px === x && py === y));
}

describe("contours", () => {
  test.each(CONTOURS)("$name", ({ masks: [truth, prediction], spacing, ...golden }) => {
    const contours = contourDistances(truth, prediction, spacing);
    expect(sum(contours.truth.areas)).toBeCloseTo(golden.area[0], 5);
    expect(sum(contours.prediction.areas)).toBeCloseTo(golden.area[1], 5);
    expect([contours.truth.areas.length, contours.prediction.areas.length]).toEqual(golden.elements);
    for (const [i, tolerance] of [0, 0.5, 1, 2, 3].entries())
      expect(normalisedSurfaceDistance(contours, tolerance), `${tolerance} mm`).toBeCloseTo(golden.nsd[i], 6);
    expect(robustHausdorff(contours, 95)).toBeCloseTo(golden.hausdorff95, 5);
  });

  test("empty masks, and more than a slice", () => {
    const empty = block([4, 3, 1], [0, 0, 0], [0, 0, 0]);
    expect(normalisedSurfaceDistance(contourDistances(empty, empty, [1, 1]), 2)).toBe(1);
    const volume = block([4, 3, 2], [0, 0, 0], [1, 1, 1]);
    expect(() => contourDistances(volume, volume, [1, 1])).toThrow("masks have 2 slices; expected one");
  });
});

describe("areas", () => {
  const areas = surfaceAreas([1, 1, 1]);

  test("sum over all codes", () => {
    // Orbit sizes and areas of the 14 representatives, as printed by the reference's table.
    const table = [
      ...[2 * 0, 16 * 0.21651, 24 * 0.70711, 24 * 0.43301, 48 * 1.14952, 6 * 1, 16 * 0.64952, 8 * 1.29904],
      ...[8 * 0.43301, 48 * 0.92361, 24 * 1.57313, 24 * 1.36603, 6 * 1.41421, 2 * 0.86603],
    ];
    expect(sum(areas)).toBeCloseTo(
      table.reduce((a, b) => a + b),
      2,
    );
    expect([...areas].filter((area) => area === 0)).toHaveLength(2);
  });

  test("of single codes, with unlike spacing", () => {
    expect(areas[15]).toBe(1);
    // The plane between lower and upper z: a face of x by y.
    expect(surfaceAreas([2, 3, 5])[15]).toBe(6);
    expect(surfaceAreas([2, 3, 5])[0b11001100]).toBe(10); // lower and upper y
    expect(surfaceAreas([2, 3, 5])[0b10101010]).toBe(15); // lower and upper x
    expect(surfaceAreas([2, 3, 5])[1]).toBeCloseTo(Math.hypot(6, 10, 15) / 8, 12);
  });
});
