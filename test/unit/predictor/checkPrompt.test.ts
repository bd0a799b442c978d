import { describe, expect, it } from "vitest";
import { boxWarning, checkPrompt } from "../../../src/predictor/checkPrompt.js";
import { PromptError, type Box, type Prompt } from "../../../src/predictor/types.js";

const BOUNDS = { width: 200, height: 100, maskSide: 4 };
const logits = (count: number, value = 0) => new Float32Array(count).fill(value);
const MASK = { width: 4, height: 4, data: logits(16) };
const MASK_OF_A_PART = { ...MASK, region: { x: 20, y: 10, width: 40, height: 40 } };

describe("a prompt", () => {
  it.each<[string, Prompt]>([
    ["a box of the whole image", { box: [0, 0, 200, 100] }],
    ["a box of less than a pixel", { box: [5.25, 5.25, 5.5, 5.5] }],
    [
      "points",
      {
        pointCoords: [
          [0, 0],
          [200, 100],
        ],
        pointLabels: [1, 0],
      },
    ],
    ["a mask alone", { maskInput: { width: 4, height: 4, data: logits(16) } }],
    [
      "all three",
      {
        box: [1, 2, 3, 4],
        pointCoords: [[2, 2]],
        pointLabels: [1],
        maskInput: { width: 4, height: 4, data: logits(16) },
      },
    ],
    [
      "all three, on a part of the image",
      { box: [20, 10, 60, 50], pointCoords: [[30, 30]], pointLabels: [1], maskInput: MASK_OF_A_PART },
    ],
  ])("may be %s", (_, prompt) => expect(() => checkPrompt(prompt, BOUNDS)).not.toThrow());

  it.each<[string, unknown, RegExp]>([
    ["is empty", {}, /empty prompt: expected a box/],
    ["has an empty list of points", { pointCoords: [], pointLabels: [] }, /empty prompt/],
    ["has a box turned around", { box: [50, 10, 20, 40] }, /turned around; expected x0 < x1/],
    ["has a box without height", { box: [10, 10, 20, 10] }, /empty or turned around/],
    ["has NaN in a box", { box: [NaN, 1, 2, 3] }, /four finite numbers/],
    ["has three numbers for a box", { box: [1, 2, 3] }, /four finite numbers/],
    ["has a box wholly outside", { box: [300, 50, 350, 90] }, /wholly outside the image of 200 x 100/],
    [
      "has a point outside",
      { pointCoords: [[5, 101]], pointLabels: [1] },
      /point 1 at \[5, 101\] lies outside/,
    ],
    ["has an infinite point", { pointCoords: [[Infinity, 1]], pointLabels: [1] }, /finite numbers/],
    ["has a label of 2", { pointCoords: [[5, 5]], pointLabels: [2] }, /label of point 1 is 2; expected 1/],
    ["lacks labels", { pointCoords: [[5, 5]] }, /1 points with 0 labels/],
    [
      "has a mask of another size",
      { maskInput: { width: 2, height: 2, data: logits(4) } },
      /expected the 4 x 4/,
    ],
    [
      "has a mask of another image's part",
      { maskInput: { ...MASK, region: { x: 180, y: 10, width: 40, height: 40 } } },
      /columns 180 to 220 and rows 10 to 50, which is no part of the image of 200 x 100/,
    ],
    [
      "has a point outside the part that its mask lies on",
      { pointCoords: [[99, 20]], pointLabels: [1], maskInput: MASK_OF_A_PART },
      /\[99, 20\] lies outside the part .* columns 20 to 60 and rows 10 to 50; predict without maskInput/,
    ],
    [
      "has a box outside the part that its mask lies on",
      { box: [30, 20, 50, 80], maskInput: MASK_OF_A_PART },
      /\[50, 80\] lies outside the part/,
    ],
    ["has NaN in a mask", { maskInput: { width: 4, height: 4, data: logits(16, NaN) } }, /not finite/],
  ])("is refused when it %s", (_, prompt, message) => {
    const check = () => checkPrompt(prompt as Prompt, BOUNDS);
    expect(check).toThrow(PromptError);
    expect(check).toThrow(message);
  });

  it.each<[string, Box, Box, RegExp | undefined]>([
    ["inside", [1, 2, 3, 4], [1, 2, 3, 4], undefined],
    ["less than a pixel outside", [-0.9, 0, 200.5, 100.2], [0, 0, 200, 100], undefined],
    [
      "a pixel outside",
      [0, -1, 50, 60],
      [0, 0, 50, 60],
      /box \[0,-1,50,60\] lies partly outside the image of 200 x 100 pixels; only/,
    ],
    [
      "far outside",
      [150, 50, 250, 120],
      [150, 50, 200, 100],
      /only the part inside is used: \[150,50,200,100\]/,
    ],
  ])("has its box cut to the image when it is %s", (_, box, cut, warning) => {
    expect(checkPrompt({ box }, BOUNDS)).toEqual({ box: cut });
    if (warning === undefined) expect(boxWarning({ box }, BOUNDS)).toBeUndefined();
    else expect(boxWarning({ box }, BOUNDS)).toMatch(warning);
  });

  it.each<[Prompt, string]>([
    [{ box: [-9, 1, -2, 5] }, "box [-9,1,-2,5] lies wholly outside any image"],
    [{ pointCoords: [[-1, 2]], pointLabels: [1] }, "point 1 at [-1, 2] lies outside any image"],
  ])("of no image's size is refused without a size", (prompt, message) => {
    const check = () => checkPrompt(prompt, { width: Infinity, height: Infinity, maskSide: 4 });
    expect(check).toThrow(new PromptError(message));
  });
});
