import { expect, test } from "vitest";
import { embeddedCurves } from "../../../src/train/embedded/curves.js";

const mode = (dice: number) => ({ whole: dice - 0.1, crop: dice, filledBox: 0.8, ellipse: 0.85 });
const scores = (dice: number) => ({ prompts: 200, tight: mode(dice), jittered: mode(dice - 0.02) });

test("curves of a training: what was made again after a stop counts once", () => {
  const kept = [
    { step: 50, loss: 1.2 },
    { step: 100, loss: 0.9 },
    { step: 100, scores: scores(0.7) },
    { step: 150, loss: 0.6 },
    { step: 150, scores: scores(0.9) },
  ];
  const svg = embeddedCurves(kept);
  expect(svg).toContain("loss: 3 points, from 1.2 to 0.6");
  expect(svg).toContain("tight box, whole picture: 2 points, from 0.6 to 0.8");
  expect(svg).toContain("ellipse in the tight box, without a model: 2 points, from 0.85 to 0.85");
  const again = [
    ...kept.slice(0, 3),
    { step: 150, loss: 5 },
    { step: 150, scores: scores(0.1) },
    ...kept.slice(3),
  ];
  expect(embeddedCurves(again)).toBe(svg);
});

test("curves of a training that has not begun to validate", () => {
  expect(embeddedCurves([{ step: 50, loss: 1 }])).toContain("no points");
});
