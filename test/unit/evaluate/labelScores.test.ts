import { describe, expect, test } from "vitest";
import { scoreLabels } from "../../../src/evaluate/labelScores.js";
import { scoreMasks } from "../../../src/evaluate/scores.js";
import type { Vector3 } from "../../../src/volume/vector.js";
import type { LabelVolume } from "../../../src/volume/volume.js";
import { randomMask, seeded } from "./masks.js";

function labels(size: Vector3, labelAt: (x: number, y: number, z: number) => number): LabelVolume {
  const data = new Uint8Array(size[0] * size[1] * size[2]);
  for (let i = 0; i < data.length; i++)
    data[i] = labelAt(i % size[0], Math.floor(i / size[0]) % size[1], Math.floor(i / (size[0] * size[1])));
  return { size, data };
}

const square = (label: number, x0: number, y0: number, side: number) => (x: number, y: number) =>
  x >= x0 && x < x0 + side && y >= y0 && y < y0 + side ? label : 0;
const options = { spacing: [1, 1, 1], tolerance: 1 } as const;
const SIZE: Vector3 = [20, 16, 1];

describe("scoreLabels", () => {
  test("every label that either has, by itself", () => {
    const truth = labels(SIZE, (x, y) => square(1, 2, 2, 5)(x, y) || square(7, 12, 4, 6)(x, y));
    const prediction = labels(SIZE, (x, y) => square(1, 2, 2, 5)(x, y) || square(3, 12, 4, 6)(x, y));
    const rows = scoreLabels(truth, prediction, options);
    expect(rows.map(({ label, scores: { dice } }) => [label, dice])).toEqual([[1, 1], [3, 0], [7, 0]]); // prettier-ignore
    expect(rows.map(({ scores: { hausdorff95 } }) => hausdorff95)).toEqual([0, Infinity, Infinity]);
    expect(rows.map(({ baselines }) => baselines?.box.dice)).toEqual([1, undefined, 1]);
  });

  test("labels that are asked for count even where nobody has them; nothing at all is label 1", () => {
    const one = labels(SIZE, square(1, 2, 2, 5));
    const none = labels(SIZE, () => 0);
    expect(scoreLabels(one, one, { ...options, labels: [1, 2] })).toMatchObject([
      { label: 1, scores: { dice: 1, nsd: 1, hausdorff95: 0, relativeError: 0 } },
      { label: 2, scores: { dice: 1, nsd: 1, hausdorff95: 0, relativeError: 0 } },
    ]);
    expect(scoreLabels(none, none, options)).toMatchObject([{ label: 1, scores: { dice: 1, nsd: 1 } }]);
    expect(scoreLabels(none, one, options)).toMatchObject([{ label: 1, scores: { dice: 0, nsd: 0 } }]);
  });

  test("cropping does not change a score", () => {
    const random = seeded(9);
    for (let round = 0; round < 60; round++) {
      const size: Vector3 = [
        3 + Math.floor(9 * random()),
        3 + Math.floor(9 * random()),
        round % 3 === 0 ? 1 : 1 + Math.floor(5 * random()),
      ];
      const [a, b] = [randomMask(size, random), randomMask(size, random)];
      const spacing: Vector3 = [0.5 + random(), 0.5 + random(), 1 + random()];
      const [row] = scoreLabels(a, b, { spacing, tolerance: 1, labels: [1] });
      expect(row.scores, `round ${round}`).toEqual(scoreMasks(a, b, { spacing, tolerance: 1 }));
    }
  });

  test("baselines come from each slice's own box, and the image's", () => {
    const size: Vector3 = [24, 20, 3];
    const truth = labels(size, (x, y, z) => (z < 2 ? square(1, 3 + 8 * z, 4, 7)(x, y) : 0));
    const image = (z: number) => ({
      ...{ width: 24, height: 20, channels: 1 as const },
      data: truth.data.slice(z * 480, (z + 1) * 480).map((value) => 90 * value),
    });
    const [{ baselines, scores }] = scoreLabels(truth, truth, { ...options, image });
    expect(scores.dice).toBe(1);
    expect(baselines?.box).toEqual({ dice: 1, nsd: 1 });
    expect(baselines?.ellipse.dice).toBeLessThan(0.95);
    expect([baselines?.otsu?.dice, baselines?.grabCut?.dice]).toEqual([1, 1]);
    expect(scoreLabels(truth, truth, options)[0].baselines).not.toHaveProperty("otsu");
    expect(scoreLabels(truth, truth, options)[0].baselines).not.toHaveProperty("grabCut");
  });

  test("volumes of other sizes are refused", () => {
    const other = labels([16, 20, 1], () => 1);
    expect(() =>
      scoreLabels(
        labels(SIZE, () => 1),
        other,
        options,
      ),
    ).toThrow("prediction is 16 x 20 x 1");
  });
});
