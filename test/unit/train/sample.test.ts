import { expect, it } from "vitest";
import { maskBox, type Mask } from "../../../src/image/mask.js";
import type { PixelImage } from "../../../src/image/pixels.js";
import { LITE_MEDSAM_INFERENCE, MEDSAM_INFERENCE } from "../../../src/predictor/presetTable.js";
import type { TrainingCase } from "../../../src/train/cases.js";
import { Random } from "../../../src/train/random.js";
import { Sampler, type SampleOptions } from "../../../src/train/sample.js";

function rectangle(width: number, height: number, [x0, y0, x1, y1]: readonly number[]): Mask {
  const inside = (x: number, y: number) => x >= x0 && x <= x1 && y >= y0 && y <= y1;
  return {
    width,
    height,
    data: Uint8Array.from({ length: width * height }, (_, i) =>
      inside(i % width, Math.floor(i / width)) ? 1 : 0,
    ),
  };
}

/** An image that is bright where its objects are. */
function caseOf(width: number, height: number, boxes: readonly (readonly number[])[]): TrainingCase {
  const objects = boxes.map((box) => rectangle(width, height, box));
  const data = new Uint8Array(width * height);
  for (const { data: inside } of objects) inside.forEach((value, i) => (data[i] |= 200 * value));
  return { id: "case", image: { width, height, channels: 1, data } satisfies PixelImage, objects };
}

const OPTIONS: SampleOptions = {
  preset: MEDSAM_INFERENCE,
  side: 64,
  promptsPerImage: 1,
  jitter: 20,
  crop: 0,
  flips: false,
};

it("shows one object in a square around it, where it is asked to", () => {
  const sampler = new Sampler({ ...OPTIONS, side: 32, jitter: 0, crop: 2, promptsPerImage: 2 });
  const found = caseOf(64, 48, [[4, 6, 11, 11], [40, 20, 55, 35]]); // prettier-ignore
  const seen = new Set<number>();
  for (let seed = 0; seed < 20; seed++) {
    const { image, prompts } = sampler.sample(found, new Random(seed));
    seen.add(image.width);
    const [first, second] = prompts;
    expect([second.box, second.target]).toEqual([first.box, first.target]);
    if (image.width === 14) {
      // Twice the longer side, columns 1 to 15 and rows 2 to 16, at 32/14 of its size: the object's columns are 3 to 10 of 14.
      expect(image.height).toBe(14);
      expect(maskBox(first.target)).toEqual([7, 9, 24, 22]);
      expect(image.data.filter((value) => value > 0)).toHaveLength(48);
    }
  }
  expect([...seen].sort()).toEqual([14, 30]);
});

it("shows the whole image where it is asked for points, as the predictor does", () => {
  const found = caseOf(64, 48, [[4, 6, 11, 11], [40, 20, 55, 35]]); // prettier-ignore
  const [cropping, whole] = [2, 0].map((crop) => new Sampler({ ...OPTIONS, crop }));
  expect(cropping.sample(found, new Random(1), "point")).toEqual(whole.sample(found, new Random(1), "point"));
});

it("scales masks and boxes to the encoder's input, moved outwards by at most MedSAM's share", () => {
  const sampler = new Sampler(OPTIONS);
  const offsets = new Set<number>();
  for (let seed = 0; seed < 200; seed++) {
    const { prompts } = sampler.sample(caseOf(32, 16, [[4, 2, 11, 9]]), new Random(seed));
    const [{ box, target, point }] = prompts;
    expect(maskBox(target)).toEqual([8, 8, 23, 39]);
    for (const [n, side] of [8, 8, 23, 39].entries()) offsets.add((box[n] - side) * (n < 2 ? -1 : 1));
    expect(target.data[point.y * 64 + point.x]).toBe(1);
  }
  expect([...offsets].sort()).toEqual([0, 1]); // 20 of 1024 is 1.25 of 64
});

it("lays masks where a preset lays the image, with padding outside", () => {
  const sampler = new Sampler({ ...OPTIONS, preset: LITE_MEDSAM_INFERENCE, jitter: 1000 });
  const { prompts } = sampler.sample(caseOf(32, 16, [[4, 2, 31, 15]]), new Random(1));
  expect(maskBox(prompts[0].target)).toEqual([8, 4, 63, 31]);
  expect(prompts[0].box[3]).toBeLessThanOrEqual(32);
});

it("turns image, mask and box over together", () => {
  const sampler = new Sampler({ ...OPTIONS, side: 32, jitter: 0, flips: true });
  const seen = new Set<string>();
  for (let seed = 0; seed < 40; seed++) {
    const { image, prompts } = sampler.sample(caseOf(32, 32, [[4, 2, 11, 9]]), new Random(seed));
    const bright = { width: 32, height: 32, data: Uint8Array.from(image.data, (v) => (v > 0 ? 1 : 0)) };
    expect(prompts[0].target).toEqual(bright);
    expect(prompts[0].box).toEqual(maskBox(bright));
    seen.add(prompts[0].box.join());
  }
  expect(seen.size).toBe(4);
});

it("takes each object before any a second time, and keeps one smaller than a pixel of the input", () => {
  const three = caseOf(32, 32, [[1, 1, 3, 3], [8, 8, 12, 12], [20, 5, 28, 9]]); // prettier-ignore
  const several = new Sampler({ ...OPTIONS, promptsPerImage: 4, jitter: 0 });
  const { prompts } = several.sample(three, new Random(3));
  expect(new Set(prompts.map(({ box }) => box.join())).size).toBe(3);

  const dot = caseOf(640, 640, [[333, 101, 333, 101]]);
  const { prompts: single } = new Sampler({ ...OPTIONS, jitter: 0 }).sample(dot, new Random(1));
  expect(single[0].box).toEqual([33, 10, 33, 10]);
  expect(single[0].point).toEqual({ x: 33, y: 10, label: 1 });
});

it("makes the same choices from the same stream, whatever was read before", () => {
  const one = caseOf(32, 16, [[4, 2, 11, 9], [20, 3, 30, 12]]); // prettier-ignore
  const options = { ...OPTIONS, flips: true, jitter: 300 };
  const fresh = new Sampler(options).sample(one, new Random(7).split(2).split("case"));
  const used = new Sampler(options);
  used.sample(one, new Random(1));
  expect(used.sample(one, new Random(7).split(2).split("case"))).toEqual(fresh);
});
