import { expect, test } from "vitest";
import type { Mask } from "../../../src/image/mask.js";
import { drawOverlay, MASK_COLOURS, maskColour } from "../../../src/image/overlay.js";
import type { PixelImage } from "../../../src/image/pixels.js";

const SIDE = 40;
const grey: PixelImage = {
  width: SIDE,
  height: SIDE,
  channels: 1,
  data: new Uint8Array(SIDE * SIDE).fill(100),
};

/** A square mask from column and row `from` to `to`. */
function square(from: number, to: number, side = SIDE): Mask {
  const inside = (n: number) => n >= from && n <= to;
  const data = Uint8Array.from({ length: side * side }, (_, i) =>
    inside(i % side) && inside(Math.floor(i / side)) ? 1 : 0,
  );
  return { width: side, height: side, data };
}

function pixel(image: PixelImage, x: number, y: number): number[] {
  return [...image.data.subarray(3 * (y * image.width + x), 3 * (y * image.width + x) + 3)];
}

test("a mask is tinted inside, has a full line at its edge, and leaves the rest alone", () => {
  const drawn = drawOverlay(grey, { masks: [square(10, 30)] });
  expect(drawn).toMatchObject({ width: SIDE, height: SIDE, channels: 3 });
  expect(pixel(drawn, 10, 20)).toEqual([251, 252, 30]);
  expect(pixel(drawn, 30, 30)).toEqual([251, 252, 30]);
  expect(pixel(drawn, 11, 20)).toEqual([168, 168, 69]); // 0.55 of the image, 0.45 of the colour
  expect(pixel(drawn, 9, 20)).toEqual([100, 100, 100]);
});

test("the border of the image is no edge of a mask", () => {
  const drawn = drawOverlay(grey, { masks: [square(0, 20)] });
  expect(pixel(drawn, 0, 10)).toEqual([168, 168, 69]);
  expect(pixel(drawn, 20, 10)).toEqual([251, 252, 30]);
});

test("lines grow with the image", () => {
  const side = 1600;
  const large: PixelImage = { width: side, height: side, channels: 1, data: new Uint8Array(side * side) };
  const drawn = drawOverlay(large, { masks: [square(400, 1200, side)], boxes: [[100, 100, 1500, 1500]] });
  const line = [251, 252, 30];
  expect([400, 403, 404].map((x) => pixel(drawn, x, 800)[0])).toEqual([251, 251, 113]);
  expect([97, 98, 101, 102].map((x) => pixel(drawn, x, 800)[0])).toEqual([0, line[0], line[0], 0]);
  expect([1498, 1499, 1502, 1503].map((x) => pixel(drawn, x, 800)[0])).toEqual([0, line[0], line[0], 0]);
});

test("every mask and box has a colour of its own", () => {
  const drawn = drawOverlay(grey, {
    boxes: [
      [1, 1, 5, 5],
      [10, 10, 20, 20],
    ],
  });
  expect(pixel(drawn, 1, 3)).toEqual([...MASK_COLOURS[0]]);
  expect(pixel(drawn, 15, 20)).toEqual([...MASK_COLOURS[1]]);
  expect(pixel(drawn, 15, 15)).toEqual([100, 100, 100]);
  expect(new Set(MASK_COLOURS.map(String)).size).toBe(MASK_COLOURS.length);
  expect(maskColour(MASK_COLOURS.length)).toEqual(MASK_COLOURS[0]);
});

test("points are green in the foreground and red in the background, with a white rim", () => {
  const points = [
    { x: 10, y: 10, foreground: true },
    { x: 30, y: 30, foreground: false },
  ];
  const drawn = drawOverlay(grey, { points });
  expect(pixel(drawn, 10, 10)).toEqual([40, 220, 70]);
  expect(pixel(drawn, 30, 30)).toEqual([235, 50, 50]);
  expect(pixel(drawn, 13, 10)).toEqual([255, 255, 255]);
});

test("what lies outside of the image is cut off", () => {
  const drawn = drawOverlay(grey, {
    boxes: [[-10, -10, 100, 20]],
    points: [{ x: -1, y: 39, foreground: true }],
  });
  expect(drawn.data).toHaveLength(3 * SIDE * SIDE);
  expect(pixel(drawn, 39, 20)).toEqual([251, 252, 30]);
});

test("a 16-bit image is stretched to 8 bits, and the caller's pixels are not drawn on", () => {
  const deep: PixelImage = { width: 2, height: 1, channels: 1, data: Uint16Array.of(1000, 3000) };
  expect([...drawOverlay(deep, {}).data]).toEqual([0, 0, 0, 255, 255, 255]);
  const colour: PixelImage = { width: 1, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3) };
  drawOverlay(colour, { boxes: [[0, 0, 0, 0]] });
  expect([...colour.data]).toEqual([1, 2, 3]);
});

test("a mask of another size is refused", () => {
  expect(() => drawOverlay(grey, { masks: [square(0, 1, 3)] })).toThrow(
    "mask 0 is 3 x 3; expected 40 x 40, the size of the image",
  );
});
