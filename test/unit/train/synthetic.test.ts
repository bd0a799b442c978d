import { describe, expect, it } from "vitest";
import { connectedComponents } from "../../../src/image/components.js";
import { maskArea, maskBox, type Mask } from "../../../src/image/mask.js";
import { synthesize, type SyntheticOptions, type SyntheticPicture } from "../../../src/train/synthetic.js";
import { LOOKS } from "../../../src/train/synthetic/looks.js";

const many = (count: number, options?: SyntheticOptions, seed = 1) =>
  Array.from({ length: count }, (_, index) => synthesize(seed, index, options));

/** FNV-1a of all pixels and masks. */
function fingerprint(pictures: readonly SyntheticPicture[]): string {
  let hash = 0x811c9dc5;
  for (const { image, objects } of pictures)
    for (const data of [image.data, ...objects.map(({ mask }) => mask.data)])
      for (const value of data) hash = Math.imul(hash ^ value, 0x01000193);
  return (hash >>> 0).toString(16);
}

/** Share of the mask's area that it encloses without covering it. */
function hollowness(mask: Mask): number {
  const { width, height } = mask;
  const { labels, sizes } = connectedComponents({ ...mask, data: mask.data.map((value) => 1 - value) });
  const open = new Set<number>();
  for (let n = 0; n < width * height; n++) {
    const [x, y] = [n % width, Math.floor(n / width)];
    if (x === 0 || y === 0 || x === width - 1 || y === height - 1) open.add(labels[n]);
  }
  const enclosed = sizes.reduce((sum, size, index) => sum + (open.has(index + 1) ? 0 : size), 0);
  return enclosed / maskArea(mask);
}

describe("synthetic pictures", () => {
  const pictures = many(400);

  it("have boxes of all sizes, most of them small", () => {
    const sides = pictures
      .flatMap(({ objects }) => objects.flatMap(({ box: [x0, y0, x1, y1] }) => [x1 - x0 + 1, y1 - y0 + 1]))
      .sort((a, b) => a - b);
    const wanted = new Map([
      [5, 12],
      [25, 21],
      [50, 48],
      [75, 102],
      [95, 189],
    ]);
    for (const [percent, side] of wanted) {
      const got = sides[Math.floor((sides.length * percent) / 100)];
      expect(got / side, `${percent} % of the sides are below ${got}`).toBeGreaterThan(0.75);
      expect(got / side, `${percent} % of the sides are below ${got}`).toBeLessThan(1.35);
    }
  });

  it("have objects, each with its tight box, in one piece and without holes", () => {
    for (const { objects } of pictures) {
      expect(objects.length).toBeGreaterThan(0);
      for (const { mask, box } of objects) {
        expect(maskBox(mask)).toEqual(box);
        expect(maskArea(mask)).toBeGreaterThanOrEqual(40);
        expect(Math.max(...connectedComponents(mask).sizes)).toBeGreaterThan(0.98 * maskArea(mask));
        expect(hollowness(mask)).toBeLessThan(0.05);
      }
    }
  });

  it("show what they have: the sides of every outline differ in the 8 bits", () => {
    for (const { image, objects } of pictures.slice(0, 100))
      for (const { mask, box } of objects) {
        const differences = Array.from({ length: image.channels }, (_, channel) => {
          const sums = [0, 0, 0, 0];
          const [x0, y0, x1, y1] = box;
          for (let y = Math.max(0, y0 - 4); y <= Math.min(255, y1 + 4); y++)
            for (let x = Math.max(0, x0 - 4); x <= Math.min(255, x1 + 4); x++) {
              const inside = mask.data[y * 256 + x];
              sums[2 * inside]++;
              sums[2 * inside + 1] += image.data[(y * 256 + x) * image.channels + channel];
            }
          return Math.abs(sums[1] / sums[0] - sums[3] / sums[2]);
        });
        // The band along the outline has at least 7 of 255; the whole box may have less.
        expect(Math.max(...differences)).toBeGreaterThan(0.5);
      }
  });

  it("have objects that lie in the picture as a whole, but for a few", () => {
    const boxes = pictures.flatMap(({ objects }) => objects.map(({ box }) => box));
    const cut = boxes.filter(([x0, y0, x1, y1]) => x0 === 0 || y0 === 0 || x1 === 255 || y1 === 255);
    expect(cut.length / boxes.length).toBeGreaterThan(0.05);
    expect(cut.length / boxes.length).toBeLessThan(0.2);
  });

  it("have objects of parts that differ from each other as from what is around, a fifth at least", () => {
    const ratios = pictures.slice(0, 150).flatMap(({ image, objects }) =>
      objects.flatMap(({ mask, box: [x0, y0, x1, y1] }) => {
        if (Math.min(x1 - x0, y1 - y0) < 24) return [];
        const cells = { inside: [] as number[], outside: [] as number[] };
        for (let y = Math.max(0, y0 - 6); y <= Math.min(249, y1); y += 6)
          for (let x = Math.max(0, x0 - 6); x <= Math.min(249, x1); x += 6) {
            let [sum, area] = [0, 0];
            for (let n = 0; n < 36; n++) {
              const at = (y + Math.floor(n / 6)) * 256 + x + (n % 6);
              sum += image.data[at * image.channels];
              area += mask.data[at];
            }
            if (area === 36) cells.inside.push(sum / 36);
            if (area === 0) cells.outside.push(sum / 36);
          }
        const { inside, outside } = cells;
        if (inside.length < 4 || outside.length === 0) return [];
        const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
        const deviation = Math.sqrt(mean(inside.map((value) => (value - mean(inside)) ** 2)));
        return [deviation / Math.abs(mean(inside) - mean(outside))];
      }),
    );
    expect(ratios.length).toBeGreaterThan(150);
    const uneven = ratios.filter((ratio) => ratio > 0.5).length / ratios.length;
    expect(uneven).toBeGreaterThan(0.2);
  });

  it("are of every look, grey and in colour", () => {
    expect(new Set(pictures.map(({ look }) => look))).toEqual(new Set(LOOKS.map(({ name }) => name)));
    const colour = pictures.filter(({ image }) => image.channels === 3).length / pictures.length;
    expect(colour).toBeGreaterThan(0.2);
    expect(colour).toBeLessThan(0.4);
    for (const { image } of pictures) {
      expect(image.data).toHaveLength(256 * 256 * image.channels);
      expect(new Set(image.data).size, "greys").toBeGreaterThan(20);
    }
  });

  it("are the same for the same seed and index, in whatever order, and others for others", () => {
    const first = fingerprint(pictures.slice(3, 9));
    expect(fingerprint([8, 7, 6, 5, 4, 3].map((index) => synthesize(1, index)).reverse())).toBe(first);
    expect(fingerprint(many(6, {}, 2))).not.toBe(fingerprint(pictures.slice(0, 6)));
    const each = pictures.slice(0, 100).map((picture) => fingerprint([picture]));
    expect(new Set(each).size).toBe(100);
  });

  it("are the same on every machine", () => expect(fingerprint(pictures.slice(0, 24))).toBe("8865566a"));
});

describe("synthetic pictures on demand", () => {
  it("are of other sizes, with objects to match", () => {
    for (const size of [64, 100, 384]) {
      const pictures = many(12, { size });
      for (const { image, objects } of pictures) {
        expect([image.width, image.height]).toEqual([size, size]);
        for (const { mask } of objects) expect(mask.data).toHaveLength(size * size);
      }
    }
    expect(() => synthesize(1, 0, { size: 32 })).toThrow(
      "size is 32; expected a whole number of at least 64",
    );
    expect(() => synthesize(1, 0, { size: 99.5 })).toThrow("size is 99.5");
  });

  it("are easy: strong contrast", () => {
    const contrast = (options: SyntheticOptions) => {
      const differences = many(80, options, 5).flatMap(({ image, objects }) =>
        objects.map(({ mask, box: [x0, y0, x1, y1] }) => {
          const sums = [0, 0, 0, 0];
          for (let y = y0; y <= y1; y++)
            for (let x = x0; x <= x1; x++) {
              const inside = mask.data[y * 256 + x];
              sums[2 * inside]++;
              sums[2 * inside + 1] += image.data[(y * 256 + x) * image.channels];
            }
          return Math.abs(sums[1] / Math.max(sums[0], 1) - sums[3] / sums[2]);
        }),
      );
      return differences.sort((a, b) => a - b)[differences.length >> 1];
    };
    expect(contrast({ easy: true })).toBeGreaterThan(1.25 * contrast({}));
  });

  it("are hollow in the domain of rings", () => {
    const whole = many(60, { domain: "rings" }).flatMap(({ objects }) =>
      objects.filter(({ box: [x0, y0, x1, y1] }) => x0 > 0 && y0 > 0 && x1 < 255 && y1 < 255),
    );
    const hollow = whole.filter(({ mask }) => hollowness(mask) > 0.2);
    expect(whole.length).toBeGreaterThan(60);
    expect(hollow.length / whole.length).toBeGreaterThan(0.75);
  });
});
