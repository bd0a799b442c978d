import { describe, expect, test } from "vitest";
import { squaredDistances } from "../../../src/evaluate/distance.js";
import { hausdorff } from "../../../src/evaluate/hausdorff.js";
import { dice, volumeDifference } from "../../../src/evaluate/overlap.js";
import { scoreMasks } from "../../../src/evaluate/scores.js";
import { flatMask, type VoxelMask } from "../../../src/evaluate/voxelMask.js";
import type { Vector3 } from "../../../src/volume/vector.js";
import { VolumeError } from "../../../src/volume/volumeError.js";
import { block, randomMask, seeded, voxelMask } from "./masks.js";

const size: Vector3 = [4, 3, 2];
const empty = block(size, [0, 0, 0], [0, 0, 0]);
const voxel = block(size, [1, 1, 1], [2, 2, 2]);

describe("overlap", () => {
  test("of parts", () => {
    const truth = block(size, [0, 0, 0], [4, 1, 1]);
    const prediction = block(size, [2, 0, 0], [4, 3, 1]);
    expect(dice(truth, prediction)).toBe((2 * 2) / (4 + 6));
  });

  test("any value but 0 counts once", () => {
    const marked: VoxelMask = { size, data: voxel.data.map((value) => value * 255) };
    expect(dice(voxel, marked)).toBe(1);
  });

  test("volumes in millilitres", () => {
    const truth = block(size, [0, 0, 0], [4, 1, 1]);
    const prediction = block(size, [0, 0, 0], [3, 1, 1]);
    expect(volumeDifference(truth, prediction, [10, 5, 20])).toEqual({
      ...{ truthMl: 4, predictionMl: 3, errorMl: -1, relativeError: -0.25 },
    });
    expect(volumeDifference(empty, voxel, [1, 1, 1]).relativeError).toBe(Infinity);
  });
});

describe("distances", () => {
  test("the transform is the nearest of all, everywhere", () => {
    const random = seeded(7);
    for (let round = 0; round < 60; round++) {
      const sides: Vector3 = [1 + Math.floor(random() * 9), 1 + Math.floor(random() * 7), 1 + Math.floor(random() * 5)]; // prettier-ignore
      const spacing: Vector3 = [0.2 + random(), 0.2 + 3 * random(), 0.2 + 6 * random()];
      const { data } = randomMask(sides, random);
      const places: Vector3[] = [];
      voxelMask(sides, (...at) => places.push(at) < 0);
      const expected = places.map((from) =>
        places.reduce((least, to, i) => {
          if (!data[i]) return least;
          const square = from.reduce((sum, at, axis) => sum + ((at - to[axis]) * spacing[axis]) ** 2, 0);
          return Math.min(least, square);
        }, Infinity),
      );
      const got = squaredDistances(data, sides, spacing);
      for (const [i, square] of expected.entries())
        expect(got[i] === square || Math.abs(got[i] / square - 1) < 1e-12, `${got[i]}, ${square}`).toBe(true);
    }
  });

  test("plain Hausdorff is that of the farthest voxel, either way", () => {
    const truth = block([9, 5, 4], [0, 0, 0], [2, 1, 1]);
    const prediction = block([9, 5, 4], [0, 0, 0], [9, 1, 1]);
    expect(hausdorff(truth, prediction, [0.5, 1, 1])).toBe(3.5);
    expect(hausdorff(prediction, truth, [0.5, 1, 1])).toBe(3.5);
    const corner = block([9, 5, 4], [8, 4, 3], [9, 5, 4]);
    expect(hausdorff(truth, corner, [0.5, 1, 2])).toBe(Math.hypot(4, 4, 6));
  });
});

describe("all scores", () => {
  const options = { spacing: [2, 1, 3] as const, tolerance: 2 };

  test("two empty masks agree", () => {
    expect(scoreMasks(empty, empty, options)).toEqual({
      ...{ dice: 1, nsd: 1, hausdorff95: 0, hausdorff: 0, averageSurfaceDistance: 0 },
      ...{ truthMl: 0, predictionMl: 0, errorMl: 0, relativeError: 0 },
    });
  });

  test.each([
    { which: "truth", masks: [empty, voxel] as const, relativeError: Infinity },
    { which: "prediction", masks: [voxel, empty] as const, relativeError: -1 },
  ])("only the $which is empty", ({ masks, relativeError }) => {
    expect(scoreMasks(...masks, options)).toMatchObject({
      ...{ dice: 0, nsd: 0, hausdorff95: Infinity, hausdorff: Infinity, averageSurfaceDistance: Infinity },
      relativeError,
    });
  });

  test("a shifted square of an image", () => {
    const square = (x0: number) => ({
      ...{ width: 8, height: 6 },
      data: Uint8Array.from({ length: 48 }, (_, i) => (i % 8 >= x0 && i % 8 < x0 + 3 && i < 32 ? 1 : 0)),
    });
    const scores = scoreMasks(flatMask(square(1)), flatMask(square(2)), { spacing: [1, 1, 1], tolerance: 1 });
    expect(scores).toMatchObject({ dice: 16 / 24, nsd: 1, hausdorff: 1, hausdorff95: 1, errorMl: 0 });
    expect(scores.averageSurfaceDistance).toBeGreaterThan(0.1);
  });

  test("masks of different size are refused", () => {
    const wider = block([5, 3, 2], [0, 0, 0], [1, 1, 1]);
    expect(() => scoreMasks(voxel, wider, options)).toThrow(VolumeError);
    expect(() => dice(voxel, wider)).toThrow("prediction is 5 x 3 x 2; expected 4 x 3 x 2");
    expect(() => volumeDifference(voxel, voxel, [1, NaN, 1])).toThrow("spacing is [1, NaN, 1]");
    expect(() => hausdorff(voxel, voxel, [1, -1, 1])).toThrow("spacing is [1, -1, 1]");
  });
});
