import { describe, expect, it } from "vitest";
import type { Mask } from "../../../src/image/mask.js";
import { flipBox, flipImage, flipMask, randomFlip } from "../../../src/train/flips.js";
import {
  correctingPoint,
  firstPoint,
  handDrawnBox,
  jitterBox,
  type PromptBox,
} from "../../../src/train/prompts.js";
import { Random } from "../../../src/train/random.js";
import { randomComponent, randomLabel } from "../../../src/train/targets.js";
import { maskBox } from "../../../src/image/mask.js";

const repeat = <T>(count: number, draw: (random: Random) => T) => {
  const random = new Random(4);
  return Array.from({ length: count }, () => draw(random));
};

describe("MedSAM's box prompts", () => {
  const SIZE = [1024, 1024] as const;

  it("move each side outwards by 0 to 20 whole pixels, each as likely and by itself", () => {
    const moves = repeat(8000, (random) => {
      const [x0, y0, x1, y1] = jitterBox([300, 400, 500, 600], SIZE, 20, random);
      return [300 - x0, 400 - y0, x1 - 500, y1 - 600];
    });
    for (let side = 0; side < 4; side++) {
      const counts = Array.from({ length: 21 }, (_, n) => moves.filter((move) => move[side] === n).length);
      expect(counts.reduce((sum, count) => sum + count)).toBe(8000);
      for (const count of counts) expect(Math.abs(count - 8000 / 21)).toBeLessThan(90);
    }
    const equal = moves.filter(([left, top]) => left === top).length;
    expect(equal / 8000).toBeLessThan(0.08);
  });

  it("stay inside, right and bottom up to the size itself, as upstream", () => {
    const boxes = repeat(200, (random) => jitterBox([3, 0, 1020, 1023], SIZE, 20, random));
    const ends = (corner: 0 | 1 | 2 | 3) => new Set(boxes.map((box) => box[corner]));
    expect(ends(0)).toEqual(new Set([0, 1, 2, 3]));
    expect(ends(1)).toEqual(new Set([0]));
    expect(ends(2)).toEqual(new Set([1020, 1021, 1022, 1023, 1024]));
    expect(ends(3)).toEqual(new Set([1023, 1024]));
  });
});

describe("hand-drawn boxes", () => {
  it("are near the tight one, mostly wider, inside the image", () => {
    const tight: PromptBox = [100, 120, 199, 169];
    const boxes = repeat(4000, (random) => handDrawnBox([100, 120, 199, 169], [256, 256], random));
    const shares = boxes.map(([x0]) => (tight[0] - x0) / 100);
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(-0.02);
    expect(Math.max(...shares)).toBeGreaterThan(0.18);
    expect(Math.max(...shares)).toBeLessThanOrEqual(0.22);
    expect(shares.filter((share) => share > 0.06).length / 4000).toBeCloseTo(0.15 * (16 / 22), 1.5);
    for (const [x0, y0, x1, y1] of repeat(500, (random) =>
      handDrawnBox([0, 0, 255, 9], [256, 200], random),
    )) {
      expect(x0).toBeGreaterThanOrEqual(0);
      expect(y0).toBeGreaterThanOrEqual(0);
      expect(x1).toBeLessThanOrEqual(255);
      expect(y1).toBeLessThanOrEqual(199);
    }
  });
});

const square = (width: number, inside: readonly number[]): Mask => {
  const data = new Uint8Array(width * width);
  for (const i of inside) data[i] = 1;
  return { width, height: width, data };
};

describe("points", () => {
  it("lie anywhere on the object, each pixel as likely", () => {
    const points = repeat(3000, (random) => firstPoint(square(4, [1, 6, 15]), random));
    const counts = new Map<string, number>();
    for (const point of points) {
      expect(point?.label).toBe(1);
      const place = `${point?.x},${point?.y}`;
      counts.set(place, (counts.get(place) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(["1,0", "2,1", "3,3"]);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(120);
    expect(firstPoint(square(4, []), new Random(1))).toBeUndefined();
  });

  it("correct what is wrong: 1 where the object was missed, 0 where it is not", () => {
    const [truth, predicted] = [square(4, [1, 6]), square(4, [6, 15])];
    const points = repeat(100, (random) => correctingPoint(truth, predicted, random));
    expect(new Set(points.map((point) => `${point?.x},${point?.y},${point?.label}`))).toEqual(
      new Set(["1,0,1", "3,3,0"]),
    );
    expect(correctingPoint(truth, truth, new Random(1))).toBeUndefined();
  });
});

describe("targets", () => {
  // Label 2 twice, label 7 once, and a single pixel of 7.
  const labels = {
    width: 5,
    height: 4,
    data: Uint8Array.from([2, 2, 0, 0, 2, 0, 0, 0, 0, 2, 0, 7, 7, 0, 0, 0, 7, 7, 0, 7]),
  };
  const pixels = (mask: Mask | undefined) =>
    mask === undefined ? "none" : [...mask.data].flatMap((value, i) => (value ? [i] : [])).join();

  it("are a label, each as likely", () => {
    const seen = repeat(4000, (random) => pixels(randomLabel(labels, random)));
    expect(new Set(seen)).toEqual(new Set(["0,1,4,9", "11,12,16,17,19"]));
    expect(seen.filter((text) => text.startsWith("0")).length / 4000).toBeCloseTo(0.5, 1);
  });

  it("are a piece of a label, if large enough", () => {
    expect(new Set(repeat(200, (random) => pixels(randomComponent(labels, random, 2))))).toEqual(
      new Set(["0,1", "4,9", "11,12,16,17"]),
    );
    expect(new Set(repeat(100, (random) => pixels(randomComponent(labels, random, 3))))).toEqual(
      new Set(["none", "11,12,16,17"]),
    );
  });

  it("are none where there is only background", () => {
    const empty = { ...labels, data: new Uint8Array(20) };
    expect(randomLabel(empty, new Random(1))).toBeUndefined();
    expect(randomComponent(empty, new Random(1), 1)).toBeUndefined();
  });
});

describe("flips", () => {
  const mask: Mask = { width: 3, height: 2, data: Uint8Array.from([1, 1, 0, 0, 1, 0]) };
  const image = {
    width: 3,
    height: 2,
    channels: 3 as const,
    data: Uint8Array.from({ length: 18 }, (_, n) => n),
  };

  it.each([
    [true, false, [0, 1, 1, 0, 1, 0], [6, 7, 8, 3, 4, 5, 0, 1, 2, 15, 16, 17, 12, 13, 14, 9, 10, 11]],
    [false, true, [0, 1, 0, 1, 1, 0], [9, 10, 11, 12, 13, 14, 15, 16, 17, 0, 1, 2, 3, 4, 5, 6, 7, 8]],
    [true, true, [0, 1, 0, 0, 1, 1], [15, 16, 17, 12, 13, 14, 9, 10, 11, 6, 7, 8, 3, 4, 5, 0, 1, 2]],
    [false, false, [1, 1, 0, 0, 1, 0], Array.from({ length: 18 }, (_, n) => n)],
  ])("horizontal %s, vertical %s", (horizontal, vertical, expectedMask, expectedImage) => {
    const flip = { horizontal, vertical };
    expect([...flipMask(mask, flip).data]).toEqual(expectedMask);
    expect([...flipImage(image, flip).data]).toEqual(expectedImage);
    expect(flipMask(flipMask(mask, flip), flip)).toEqual(mask);
    const box = maskBox(mask);
    expect(box && flipBox(box, [3, 2], flip)).toEqual(maskBox(flipMask(mask, flip)));
  });

  it("are drawn each way by itself", () => {
    const flips = repeat(1000, (random) => randomFlip(random));
    const share = (wanted: (flip: (typeof flips)[0]) => boolean) => flips.filter(wanted).length / 1000;
    expect(share(({ horizontal }) => horizontal)).toBeCloseTo(0.5, 1);
    expect(share(({ horizontal, vertical }) => horizontal && vertical)).toBeCloseTo(0.25, 1);
  });
});
