import { expect, test } from "vitest";
import { assertSize, checkPixels, ImageError, toRgb, type PixelImage } from "../../../src/image/pixels.js";

const image: PixelImage = { width: 2, height: 1, channels: 1, data: Uint16Array.of(5, 700) };

test("right pixels are given back", () => {
  expect(checkPixels(image)).toBe(image);
  const gap = { ...image, data: Float32Array.of(NaN, 5) }; // where nothing was measured
  expect(checkPixels(gap)).toBe(gap);
});

test.each([
  [{ width: 0 }, "x.png: size is 0 x 1"],
  [{ width: 1.5 }, "x.png: size is 1.5 x 1"],
  [{ channels: 4 }, "x.png: has 4 channels; expected 1 (grey) or 3"],
  [{ height: 2 }, "x.png: has 2 values; expected 4 = 2 x 2 x 1"],
  [{ data: [5, 700] }, "x.png: data must be a Uint8Array, Uint16Array or Float32Array"],
  [{ data: Float32Array.of(0, -Infinity) }, "x.png: has infinite values"],
])("%o is refused", (change, message) => {
  const check = () => checkPixels({ ...image, ...change } as PixelImage, "x.png");
  expect(check).toThrow(ImageError);
  expect(check).toThrow(message);
});

test("the limit is 64 megapixels", () => {
  expect(() => assertSize(8192, 8192, "a")).not.toThrow();
  expect(() => assertSize(8193, 8192, "a")).toThrow(
    "a: 8193 x 8192 pixels are more than the limit of 67108864",
  );
});

test("grey becomes three equal channels of the same kind", () => {
  expect(toRgb(image)).toEqual({ ...image, channels: 3, data: Uint16Array.of(5, 5, 5, 700, 700, 700) });
  const colour = toRgb(image);
  expect(toRgb(colour)).toBe(colour);
});
