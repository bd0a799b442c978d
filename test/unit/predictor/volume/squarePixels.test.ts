import { describe, expect, test } from "vitest";
import { maskBox } from "../../../../src/image/mask.js";
import type { PixelImage } from "../../../../src/image/pixels.js";
import { volumeFrames } from "../../../../src/predictor/volume/frames.js";
import { SquarePixels } from "../../../../src/predictor/volume/squarePixels.js";
import type { Vector3 } from "../../../../src/volume/vector.js";
import type { Volume } from "../../../../src/volume/volume.js";

const volume = (size: Vector3, spacing?: Vector3): Volume => ({
  ...{ name: "v", size, frames: 1, channels: 1, slope: 1, intercept: 0, warnings: [] },
  ...(spacing && { pixelSpacing: [spacing[0], spacing[1]], sliceSpacing: spacing[2] }),
  data: new Uint8Array(0),
});

/** A rectangle in a slice, corners inclusive. */
function picture(
  width: number,
  height: number,
  [x0, y0, x1, y1]: readonly number[],
): PixelImage & { data: Uint8Array } {
  const inside = (i: number) => i % width >= x0 && i % width <= x1 && i / width >= y0 && i / width < y1 + 1;
  return { width, height, channels: 1, data: Uint8Array.from({ length: width * height }, (_, i) => (inside(i) ? 200 : 0)) }; // prettier-ignore
}

describe("slices with pixels that are not square", () => {
  test("are stretched along the longer side; boxes and masks come back exactly", () => {
    const square = SquarePixels.of(volumeFrames(volume([60, 50, 12], [0.8, 0.8, 4]), 1)); // columns and slices
    const box = [20, 3, 41, 7] as const;
    const shown = square.image(picture(60, 12, box));
    expect([shown.width, shown.height]).toEqual([60, 60]);
    expect(square.box(box)).toEqual([20, 15, 41, 39]);
    const mask = {
      width: 60,
      height: 60,
      data: Uint8Array.from(shown.data, (value) => (value >= 100 ? 1 : 0)),
    };
    expect(maskBox(square.mask(mask))).toEqual([...box]);
  });

  test("are left alone where they are square, or nobody knows", () => {
    const image = picture(60, 50, [3, 3, 9, 9]);
    for (const spacing of [undefined, [0.8, 0.8, 4] as const, [0.8, 0.803, 4] as const])
      expect(SquarePixels.of(volumeFrames(volume([60, 50, 12], spacing), 2)).image(image)).toBe(image);
  });

  test("do not become larger than 2048 pixels", () => {
    const { width, height } = SquarePixels.of(volumeFrames(volume([10, 300, 400], [1, 0.1, 10]), 0)).image(picture(300, 400, [1, 1, 2, 2])); // prettier-ignore
    expect([width, height]).toEqual([15, 2048]);
  });
});
