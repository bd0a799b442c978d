import * as tf from "@tensorflow/tfjs";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import { cropImage, regionAround } from "../../../src/image/crop.js";
import type { PixelImage } from "../../../src/image/pixels.js";
import { TINY } from "../../../src/model/config.js";
import { Sam } from "../../../src/model/sam.js";
import { SamPredictor } from "../../../src/predictor/samPredictor.js";
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
    expect(lowResLogits).toEqual(expected.lowResLogits);
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

  it("wants a box for each prompt, and points inside its crop", async () => {
    predictor = new SamPredictor(model, { crop: 2 });
    await predictor.setImage(IMAGE);
    await expect(predictor.predict({ pointCoords: [[3, 3]], pointLabels: [1] })).rejects.toThrow(
      "prompt without a box: with crop, each needs one to be cut around",
    );
    await expect(
      predictor.predict({ box: [22, 14, 34, 24], pointCoords: [[3, 3]], pointLabels: [0] }),
    ).rejects.toThrow(
      "point at [3, 3] lies outside the crop around the box, columns 16 to 40 and rows 7 to 31",
    );
  });

  it("refuses a factor that would cut into the box", () => {
    predictor = new SamPredictor(model);
    for (const crop of [0.5, 0, -2, NaN, Infinity])
      expect(() => new SamPredictor(model, { crop })).toThrow(`crop is ${crop}; expected at least 1`);
  });
});
