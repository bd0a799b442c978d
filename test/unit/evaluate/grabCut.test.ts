import { describe, expect, test } from "vitest";
import { filledBox } from "../../../src/evaluate/baselines.js";
import { grabCut } from "../../../src/evaluate/grabCut.js";
import { GridCut, NEIGHBOURS } from "../../../src/evaluate/gridCut.js";
import { dice } from "../../../src/evaluate/overlap.js";
import { flatMask } from "../../../src/evaluate/voxelMask.js";
import { maskArea, type Mask } from "../../../src/image/mask.js";
import type { PixelImage } from "../../../src/image/pixels.js";
import { seeded } from "./masks.js";

describe("GridCut", () => {
  test("no other cut of a small grid costs less", () => {
    const random = seeded(4);
    for (let round = 0; round < 60; round++) {
      const [width, height] = [1 + Math.floor(4 * random()), 1 + Math.floor(3 * random())];
      const grid = new GridCut(width, height);
      const ties: (readonly [number, number])[] = [];
      const links: (readonly [from: number, to: number, capacity: number])[] = [];
      for (let i = 0; i < width * height; i++) {
        const [x, y] = [i % width, Math.floor(i / width)];
        const tie = [random() < 0.3 ? 9 * random() : 0, random() < 0.3 ? 9 * random() : 0] as const;
        ties.push(tie);
        grid.tie(x, y, ...tie);
        for (let n = 4; n < 8; n++) {
          const [toX, toY] = [x + NEIGHBOURS[n][0], y + NEIGHBOURS[n][1]];
          if (toX < 0 || toX >= width || toY >= height) continue;
          const capacity = random() < 0.8 ? 3 * random() : 0;
          links.push([i, toY * width + toX, capacity]);
          grid.link(x, y, n, capacity);
        }
      }
      const costOf = (isSource: (i: number) => boolean) =>
        ties.reduce((sum, [source, sink], i) => sum + (isSource(i) ? sink : source), 0) +
        links.reduce((sum, [a, b, capacity]) => sum + (isSource(a) === isSource(b) ? 0 : capacity), 0);
      let least = Infinity;
      for (let cut = 0; cut < 2 ** (width * height); cut++)
        least = Math.min(
          least,
          costOf((i) => ((cut >> i) & 1) === 1),
        );
      const found = grid.cut();
      expect(costOf((i) => found[i] === 1)).toBeCloseTo(least, 9);
    }
  });
});

/** A blob of one kind of grey in another, both noisy. */
function picture(channels: 1 | 3, scale = 1): { image: PixelImage; truth: Mask } {
  const random = seeded(7);
  const [width, height] = [70, 50];
  const truth = { width, height, data: new Uint8Array(width * height) };
  const data = new Float32Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const inside = ((x - 30) / 14) ** 2 + ((y - 26) / 9) ** 2 <= 1 && !(x > 30 && y > 26);
    truth.data[i] = inside ? 1 : 0;
    for (let c = 0; c < channels; c++)
      data[i * channels + c] =
        scale * Math.round((inside ? 150 - 40 * c : 90 + 30 * c) + 30 * (random() - 0.5));
  }
  return { image: { width, height, channels, data }, truth };
}

describe("grabCut", () => {
  test.each([
    ["grey", picture(1)],
    ["colour", picture(3)],
    ["real values", picture(1, -0.01)],
  ])("%s: finds what the box hides", (_, { image, truth }) => {
    const mask = grabCut(image, [12, 13, 48, 39]);
    expect(dice(flatMask(truth), flatMask(mask))).toBeGreaterThan(0.97);
    expect(grabCut(image, [12, 13, 48, 39])).toEqual(mask);
  });

  test("boxes at the border, of one pixel and of the whole image; an image without contrast", () => {
    const { image } = picture(3);
    expect(maskArea(grabCut(image, [0, 0, 69, 49]))).toBe(70 * 50); // nothing to tell it from
    expect(maskArea(grabCut(image, [69, 49, 69, 49]))).toBe(1);
    const mask = grabCut(image, [0, 0, 40, 40]);
    expect(mask.data.some((inside, i) => inside === 1 && (i % 70 > 40 || i > 41 * 70))).toBe(false);
    const flat: PixelImage = { width: 20, height: 20, channels: 1, data: new Uint8Array(400).fill(7) };
    expect(grabCut(flat, [5, 5, 9, 9])).toEqual(filledBox(flat, [5, 5, 9, 9])); // nothing is left of it
    expect(() => grabCut(flat, [5, 5, 20, 9])).toThrow("does not lie in the image of 20 x 20");
  });
});
