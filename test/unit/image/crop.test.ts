import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cropImage, cropMask, pasteInto, regionAround } from "../../../src/image/crop.js";

const IMAGE = { width: 40, height: 30 };

describe("the region around a box", () => {
  it("is a square of the factor times the longer side, around the middle", () => {
    expect(regionAround([10, 12, 18, 16], 2, IMAGE)).toEqual({ x: 6, y: 6, width: 16, height: 16 });
  });

  it("is moved to lie inside the image", () => {
    expect(regionAround([0, 0, 8, 8], 2, IMAGE)).toEqual({ x: 0, y: 0, width: 16, height: 16 });
    expect(regionAround([32, 22, 40, 30], 2, IMAGE)).toEqual({ x: 24, y: 14, width: 16, height: 16 });
  });

  it("is no larger than the image", () => {
    expect(regionAround([2, 2, 22, 22], 2, IMAGE)).toEqual({ x: 0, y: 0, width: 40, height: 30 });
    expect(regionAround([2, 2, 20, 10], 2, IMAGE)).toEqual({ x: 0, y: 0, width: 36, height: 30 });
  });

  it("is larger where it has to hold points, all of them", () => {
    const points = [
      [14, 13],
      [9, 25],
    ] as const;
    expect(regionAround([10, 12, 18, 16], 2, IMAGE, points.slice(0, 1))).toEqual({ x: 6, y: 6, width: 16, height: 16 }); // prettier-ignore
    expect(regionAround([10, 12, 18, 16], 2, IMAGE, points)).toEqual({ x: 3, y: 3, width: 23, height: 23 });
  });

  it("holds the box and points and lies in the image, whatever they are", () => {
    const side = fc.integer({ min: 1, max: 60 });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        side,
        side,
        share,
        share,
        share,
        share,
        fc.double({ min: 1, max: 9, noNaN: true }),
        fc.array(fc.tuple(share, share), { maxLength: 3 }),
        (...draw) => {
          const [width, height, a, b, c, d, factor, places] = draw;
          const points = places.map(([x, y]) => [x * width, y * height] as const);
          const [x0, x1] = [a * width, b * width].sort((p, q) => p - q);
          const [y0, y1] = [c * height, d * height].sort((p, q) => p - q);
          const region = regionAround([x0, y0, x1, y1], factor, { width, height }, points);
          for (const [x, y] of points) {
            expect(x >= region.x && x <= region.x + region.width).toBe(true);
            expect(y >= region.y && y <= region.y + region.height).toBe(true);
          }
          expect(Object.values(region).every(Number.isInteger)).toBe(true);
          expect(Math.min(region.x, region.y, region.width - 1, region.height - 1)).toBeGreaterThanOrEqual(0);
          expect(region.x + region.width).toBeLessThanOrEqual(width);
          expect(region.y + region.height).toBeLessThanOrEqual(height);
          // Whole pixels: half a pixel may be missing at factor 1.
          expect(region.x).toBeLessThanOrEqual(x0 + 1);
          expect(region.x + region.width).toBeGreaterThanOrEqual(x1 - 1);
          expect(region.y).toBeLessThanOrEqual(y0 + 1);
          expect(region.y + region.height).toBeGreaterThanOrEqual(y1 - 1);
        },
      ),
    );
  });
});

describe("cropping and pasting", () => {
  const data = Uint8Array.from({ length: 5 * 4 * 3 }, (_, n) => n);
  const image = { width: 5, height: 4, channels: 3, data } as const;
  const region = { x: 1, y: 2, width: 3, height: 2 };

  it("takes all channels of the region's pixels, and copies them", () => {
    const cropped = cropImage(image, region);
    expect(cropped).toMatchObject({ width: 3, height: 2, channels: 3 });
    expect([...cropped.data]).toEqual([...data.slice(33, 42), ...data.slice(48, 57)]);
    cropped.data[0] = 255;
    expect(data[33]).toBe(33);
  });

  it("takes a mask's pixels", () => {
    const mask = { width: 5, height: 4, data: Uint8Array.from({ length: 20 }, (_, n) => n % 2) };
    expect([...cropMask(mask, region).data]).toEqual([1, 0, 1, 0, 1, 0]);
  });

  it("lays values back to their place", () => {
    const out = pasteInto(Float32Array.of(1, 2, 3, 4, 5, 6), region, { width: 5, height: 4 }, -9);
    expect(out).toBeInstanceOf(Float32Array);
    expect([...out]).toEqual([
      ...Array<number>(10).fill(-9), // two rows above
      ...[-9, 1, 2, 3, -9],
      ...[-9, 4, 5, 6, -9],
    ]);
  });
});
