import * as tf from "@tensorflow/tfjs";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import { cropImage, regionAround, wholeOf } from "../../../src/image/crop.js";
import type { PixelImage } from "../../../src/image/pixels.js";
import { LITE_MEDSAM, TINY, VIT_B } from "../../../src/model/config.js";
import {
  defaultPreset,
  LITE_MEDSAM_INFERENCE,
  MEDSAM_INFERENCE,
  MEDSAM_TINY,
  withIntensity,
} from "../../../src/predictor/presetTable.js";
import { FULL_RANGE } from "../../../src/image/intensity.js";
import { Sam } from "../../../src/model/sam.js";
import { SamPredictor, type PredictorOptions } from "../../../src/predictor/samPredictor.js";
import type { Box } from "../../../src/predictor/types.js";
import { seededParameters } from "../../../src/weights/paramScope.js";

const CONFIG = {
  ...TINY,
  imageSize: 32,
  imageEncoder: { ...TINY.imageEncoder, embedDim: 16, depth: 2, numHeads: 2, globalAttnIndexes: [1] },
  promptEmbedDim: 16,
};
const SIZE = { width: 60, height: 44 };
const IMAGE: PixelImage = {
  ...SIZE,
  channels: 1,
  data: Uint8Array.from({ length: 60 * 44 }, (_, n) => (n * n * 7) % 251),
};

describe("SamPredictor with crop", () => {
  let model: Sam;
  let predictor: SamPredictor;

  beforeAll(async () => {
    await useBackend("wasm");
    model = new Sam(seededParameters(3), CONFIG);
  });
  afterAll(() => {
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });
  afterEach(() => predictor.dispose());

  it.each<[string, Box]>([
    ["in the middle", [22, 14, 34, 24]],
    ["at the border", [0, 0, 9, 12]],
    ["at the other border", [50, 30, 60, 44]],
    ["larger than half the image", [4, 4, 56, 40]],
  ])("sees the square around a box %s, and lays the mask back", async (_, box) => {
    predictor = new SamPredictor(model, { crop: 2 });
    await predictor.setImage(IMAGE);
    const options = { returnLogits: true };
    const { masks, scores, lowResLogits, logits } = await predictor.predict({ box }, options);

    const region = regionAround(box, 2, SIZE);
    const byHand = new SamPredictor(model);
    await byHand.setImage(cropImage(IMAGE, region));
    const { x, y } = region;
    const [x0, y0, x1, y1] = box;
    const expected = await byHand.predict({ box: [x0 - x, y0 - y, x1 - x, y1 - y] }, options);
    await byHand.dispose();

    expect(scores).toEqual(expected.scores);
    expect(lowResLogits[0].data).toEqual(expected.lowResLogits[0].data);
    expect(lowResLogits[0].region ?? wholeOf(SIZE)).toEqual(region);
    expect(masks[0]).toMatchObject(SIZE);
    let outside = 0;
    for (let row = 0; row < SIZE.height; row++)
      for (let column = 0; column < SIZE.width; column++) {
        const at = row * SIZE.width + column;
        const [cx, cy] = [column - x, row - y];
        const isIn = cx >= 0 && cy >= 0 && cx < region.width && cy < region.height;
        const from = cy * region.width + cx;
        if (!isIn) outside++;
        expect(masks[0].data[at]).toBe(isIn ? expected.masks[0].data[from] : 0);
        expect(logits?.[0].data[at]).toBe(isIn ? expected.logits?.[0].data[from] : -Infinity);
      }
    expect(outside).toBe(SIZE.width * SIZE.height - region.width * region.height);
  });

  it("encodes once a region, and again for another", async () => {
    predictor = new SamPredictor(model, { crop: 2 });
    await predictor.setImage(IMAGE);
    const steps = vi.spyOn(model.imageEncoder, "steps");
    await predictor.predict({ box: [22, 14, 34, 24] });
    const tensors = tf.memory().numTensors;
    await predictor.predict({ box: [22, 14, 34, 24], pointCoords: [[30, 20]], pointLabels: [1] });
    expect(steps).toHaveBeenCalledTimes(1);
    const many = await predictor.predictBoxes([
      [22, 14, 34, 24],
      [2, 2, 8, 8],
    ]);
    expect(steps).toHaveBeenCalledTimes(2);
    expect(many).toHaveLength(2);
    expect(tf.memory().numTensors).toBe(tensors);
    steps.mockRestore();
  });

  it("scales intensities by the whole image, not by the crop", async () => {
    const wide = {
      ...IMAGE,
      data: Uint16Array.from(IMAGE.data, (value, n) => (n === 0 ? 40_000 : value * 16)),
    };
    const box: Box = [22, 14, 34, 24];
    predictor = new SamPredictor(model, { crop: 2 });
    await predictor.setImage(wide);
    const own = await predictor.predict({ box });
    const scaled = Uint8Array.from(wide.data, (value) => (value / 40_000) * 255);
    await predictor.setImage({ ...IMAGE, data: scaled });
    const expected = await predictor.predict({ box });
    expect(own.lowResLogits).toEqual(expected.lowResLogits);
  });

  it("shows the whole image for a prompt without a box", async () => {
    predictor = new SamPredictor(model, { crop: 2 });
    await predictor.setImage(IMAGE);
    const prompt = { pointCoords: [[3, 3]], pointLabels: [1] } as const;
    const found = await predictor.predict(prompt);
    const whole = new SamPredictor(model, { crop: 0 });
    await whole.setImage(IMAGE);
    expect(found).toEqual(await whole.predict(prompt));
    await whole.dispose();
  });

  it("widens the square around the box to a point outside it", async () => {
    predictor = new SamPredictor(model, { crop: 2 });
    await predictor.setImage(IMAGE);
    const box: Box = [22, 14, 34, 24];
    const { lowResLogits } = await predictor.predict({ box, pointCoords: [[3, 4]], pointLabels: [0] });
    expect(lowResLogits[0].region).toEqual(regionAround(box, 2, SIZE, [[3, 4]]));
    expect(lowResLogits[0].region?.x).toBeLessThanOrEqual(3);
  });

  it("shows with an earlier mask what the mask was predicted on, whatever the crop", async () => {
    predictor = new SamPredictor(model, { crop: 2 });
    await predictor.setImage(IMAGE);
    const box: Box = [22, 14, 34, 24];
    const [maskInput] = (await predictor.predict({ box })).lowResLogits;
    const smaller: Box = [24, 16, 30, 20];
    const refined = await predictor.predict({ box: smaller, maskInput });
    expect(refined.lowResLogits[0].region).toEqual(regionAround(box, 2, SIZE));

    const whole = new SamPredictor(model, { crop: 0 });
    await whole.setImage(IMAGE);
    expect(await whole.predict({ box: smaller, maskInput })).toEqual(refined);
    const [onWhole] = (await whole.predict({ box })).lowResLogits;
    expect(onWhole).not.toHaveProperty("region");
    const again = await predictor.predict({ box: smaller, maskInput: onWhole });
    expect(again).toEqual(await whole.predict({ box: smaller, maskInput: onWhole }));
    await whole.dispose();
  });

  it("takes its crop from the preset, unless it is told another", () => {
    const made = (options: PredictorOptions) => new SamPredictor(model, options).crop;
    predictor = new SamPredictor(model);
    expect(predictor.crop).toBe(0);
    expect(made({ preset: MEDSAM_TINY })).toBe(2);
    expect(made({ preset: withIntensity(MEDSAM_TINY, FULL_RANGE) })).toBe(2);
    expect(made({ preset: MEDSAM_TINY, crop: 0 })).toBe(0);
    expect(made({ preset: MEDSAM_INFERENCE, crop: 3 })).toBe(3);
  });

  it("belongs to the checkpoint in the package and to its sizes, not to other weights", () => {
    expect(defaultPreset(TINY)).toBe(MEDSAM_TINY);
    expect(defaultPreset(VIT_B)).toBe(MEDSAM_INFERENCE);
    expect(defaultPreset(CONFIG)).toBe(MEDSAM_INFERENCE);
    expect(defaultPreset(LITE_MEDSAM)).toBe(LITE_MEDSAM_INFERENCE);
  });

  it("refuses a factor that would cut into the box", () => {
    predictor = new SamPredictor(model);
    for (const crop of [0.5, -2, NaN, Infinity])
      expect(() => new SamPredictor(model, { crop })).toThrow(`crop is ${crop}; expected at least 1`);
  });
});
