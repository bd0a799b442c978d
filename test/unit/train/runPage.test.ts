import { expect, test } from "vitest";
import { PNG } from "pngjs";
import type { Mask } from "../../../src/image/mask.js";
import { MASK_COLOURS } from "../../../src/image/overlay.js";
import { runPage, validationPicture, type RunPage } from "../../../src/train/runPage.js";
import { attribute, elementsOf, named, textOf } from "../report/parsed.js";

const SIDE = 20;
function square(from: number, to: number): Mask {
  const inside = (n: number) => n >= from && n <= to;
  const data = Uint8Array.from({ length: SIDE * SIDE }, (_, i) =>
    inside(i % SIDE) && inside(Math.floor(i / SIDE)) ? 1 : 0,
  );
  return { width: SIDE, height: SIDE, data };
}
const shown = {
  id: "a.png",
  image: { width: SIDE, height: SIDE, channels: 1, data: new Uint8Array(SIDE * SIDE).fill(100) },
  truth: square(5, 15),
  predicted: square(7, 12),
  box: [5, 5, 15, 15],
  dice: 0.75,
} as const;

const run: RunPage = {
  title: "rings",
  status: "Step 3 of 10.",
  running: true,
  settings: [["learning rate", 0.0005]],
  steps: [1, 2, 3].map((step) => ({ step, loss: 1 / step, learningRate: 1e-4 })),
  validations: [
    { step: 0, dice: [0.5, 0.7] },
    { step: 3, dice: [0.8, 0.9] },
  ],
  pictures: [validationPicture(shown)],
};

test("shows curves, validations, pictures and settings", () => {
  const elements = elementsOf(runPage(run));
  const [loss, dice, spread] = named(elements, "svg").map((svg) => attribute(svg, "aria-label"));
  expect(loss).toContain("each step: 3 points, from 1 to 0.3333");
  expect(dice).toContain("Dice: 2 points, from 0.6 to 0.85");
  expect(spread).toContain("after step 0: 2 values, median 0.6");
  expect(named(elements, "td").map(textOf)).toEqual(["0", "0.6000", "0.5000", "2", "3", "0.8500", "0.8000", "2", "learning rate", "0.0005"]); // prettier-ignore
  expect(named(elements, "figcaption").map(textOf)).toContain("a.png: Dice 0.750");
});

test("reloads itself while the training runs, and shows what there is at its start", () => {
  const refreshes = (page: RunPage) =>
    named(elementsOf(runPage(page)), "meta").some((meta) => attribute(meta, "http-equiv") === "refresh");
  expect(refreshes(run)).toBe(true);
  expect(refreshes({ ...run, running: false })).toBe(false);
  const start = { ...run, steps: [], validations: [], pictures: [] };
  expect(named(elementsOf(runPage(start)), "svg")).toEqual([]);
});

test("a validation picture has the prediction filled and the truth as a line", () => {
  const { data } = PNG.sync.read(Buffer.from(validationPicture(shown).png));
  const pixel = (x: number, y: number) => [...data.subarray(4 * (y * SIDE + x), 4 * (y * SIDE + x) + 3)];
  const [yellow, blue] = MASK_COLOURS;
  expect(pixel(7, 9)).toEqual([...yellow]);
  expect(pixel(2, 2)).toEqual([100, 100, 100]);
  expect(pixel(6, 9)).toEqual([100, 100, 100]); // inside the truth only
  const box = pixel(5, 5); // the frame of the box covers the truth's outline here
  expect(box).toEqual([...yellow]);
  const lower = { ...shown, box: [0, 0, 19, 19] } as const;
  const drawn = PNG.sync.read(Buffer.from(validationPicture(lower).png)).data;
  expect([...drawn.subarray(4 * (5 * SIDE + 9), 4 * (5 * SIDE + 9) + 3)]).toEqual([...blue]);
});
