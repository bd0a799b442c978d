import { expect, test } from "vitest";
import { decodeImage } from "../../../src/image/decode.js";
import { chosenSlices, slicesPicture } from "../../../src/cli/volumePicture.js";
import { drawText } from "../../../src/image/text.js";
import type { PixelImage } from "../../../src/image/pixels.js";
import type { VolumeObject } from "../../../src/predictor/volume/volumeObject.js";
import type { LabelVolume, Volume } from "../../../src/volume/volume.js";

const SIZE = [64, 64, 9] as const;
const cube = (low: number, high: number) => (i: number) => {
  const at = [i % 64, Math.floor(i / 64) % 64, Math.floor(i / 4096)];
  return at[0] >= low && at[0] <= high && at[1] >= low && at[1] <= high && at[2] >= 2 && at[2] <= 6;
};
const filled = (inside: (i: number) => boolean, value: number, outside: number) =>
  Uint8Array.from({ length: 64 * 64 * 9 }, (_, i) => (inside(i) ? value : outside));
const volume: Volume = { name: "v", size: SIZE, frames: 1, channels: 1, slope: 1, intercept: 0, warnings: [], data: filled(cube(30, 35), 200, 60) }; // prettier-ignore
const labels: LabelVolume = { size: SIZE, data: filled(cube(30, 35), 1, 0) };
const asked: VolumeObject[] = [{ label: 1, prompts: new Map([[4, { box: [29, 29, 36, 36] }]]) }];
const found = {
  labels,
  objects: [{ label: 1, slices: [2, 3, 4, 5, 6].map((slice) => ({ slice, prompted: slice === 4, pixels: 36, score: 1 })) }], // prettier-ignore
};
const truth: LabelVolume = { size: SIZE, data: filled((i) => cube(27, 38)(i - 64 * 64), 1, 0) }; // slices 3 to 7
const draw = async (to: typeof found, prompts: readonly VolumeObject[], real?: LabelVolume) => decodeImage(slicesPicture(volume, to, prompts, 2, real), "picture"); // prettier-ignore
const image = await draw(found, asked);
const beside = await draw(found, asked, truth);

/** Pixels of a colour in a part of the picture. */
function count(
  { width, data }: PixelImage,
  [r, g, b]: readonly number[],
  [x0, y0, x1, y1]: readonly number[],
) {
  let pixels = 0;
  for (let y = y0; y < y1; y++)
    for (let x = x0; x < x1; x++) {
      const at = 3 * (y * width + x);
      if (data[at] === r && data[at + 1] === g && data[at + 2] === b) pixels++;
    }
  return pixels;
}
const YELLOW = [251, 252, 30]; // the outline of object 1
const BLUE = [0, 190, 255]; // of object 2
const TRUTH = [255, 255, 255];

const STEP = 260; // from tile to tile
const tileAt = (column: number, row: number) => [column * STEP, row * STEP, column * STEP + 256, row * STEP + 256]; // prettier-ignore

test("each slice has a row of its own size and one that shows the object large", () => {
  expect([image.width, image.height]).toEqual([4 * STEP - 4, 4 * STEP - 4]); // five slices: two rows, each with its zoomed one
  const [whole, zoomed] = [0, 1].map((row) => count(image, YELLOW, tileAt(0, row)));
  expect(whole).toBeGreaterThan(0);
  expect(zoomed).toBeGreaterThan(2 * whole);
});

test("each of two objects far apart has its own zoomed row, and its box has its colour", async () => {
  const two = filled((i) => cube(4, 9)(i), 1, 0).map((value, i) => (cube(50, 55)(i) ? 2 : value));
  const slices = [{ slice: 4, prompted: true, pixels: 36, score: 1 }];
  const both = { labels: { size: SIZE, data: two }, objects: [1, 2].map((label) => ({ label, slices })) };
  const prompts: VolumeObject[] = [
    { label: 1, prompts: new Map([[5, { box: [3, 3, 10, 10] }]]) },
    { label: 2, prompts: new Map([[4, { box: [49, 49, 56, 56] }]]) },
  ];
  const drawn = await draw(both, prompts); // slices 4 and 5
  expect(drawn.height).toBe(3 * STEP - 4);
  const colours = (column: number, row: number) => [YELLOW, BLUE].map((colour) => count(drawn, colour, tileAt(column, row))); // prettier-ignore
  const [[one, none], [nothing, other]] = [1, 2].map((row) => colours(0, row));
  expect([none, nothing]).toEqual([0, 0]);
  expect(other).toBeGreaterThan(1.5 * one); // the box of object 2 is in slice 4, that of object 1 in slice 5
  expect(colours(1, 1)[0]).toBeGreaterThan(1.5 * colours(1, 2)[1]);
});

test("the prompted slice is among those shown, and framed; others are not", () => {
  const orange = (n: number) => count(image, [255, 145, 30], tileAt(n, 0));
  expect([0, 1, 2, 3].map((n) => orange(n) > 1000)).toEqual([false, false, true, false]); // slices 2, 3, 4, 5
  const many = Array.from({ length: 100 }, (_, slice) => slice);
  for (const prompted of [[0], [1], [37], [98, 99], [3, 50, 51, 52]]) {
    const chosen = chosenSlices(many, prompted);
    expect(chosen).toHaveLength(12);
    expect([...chosen].sort((a, b) => a - b)).toEqual(chosen);
    for (const slice of prompted) expect(chosen).toContain(slice);
  }
  expect(chosenSlices([4, 5], [4])).toEqual([4, 5]);
});

test("the ground truth's outline is drawn where there is one, in slices where nothing was found too", () => {
  for (const [column, row] of [
    [2, 1],
    [1, 3],
  ])
    // prettier-ignore
    expect(count(beside, TRUTH, tileAt(column, row))).toBeGreaterThan(200); // slices 4 and 7
  expect(count(beside, YELLOW, tileAt(1, 3))).toBe(0);
  expect(count(image, TRUTH, [0, 0, image.width, image.height])).toBe(0);
});

test("numbers can be read: each digit is drawn in its own way", () => {
  const drawn = (value: number) => {
    const canvas = { width: 40, height: 12, data: new Uint8Array(40 * 12 * 3) };
    drawText(canvas, 2, 2, String(value), { scale: 1, colour: [255, 255, 255], background: [0, 0, 0] });
    return Buffer.from(canvas.data).toString("hex");
  };
  expect(new Set(Array.from({ length: 200 }, (_, n) => drawn(n))).size).toBe(200);
});
