import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import { TINY } from "../../../src/model/config.js";
import { trace } from "../../../src/inspect/trace.js";
import { Sam } from "../../../src/model/sam.js";
import { SamPredictor } from "../../../src/predictor/samPredictor.js";
import { traceImage } from "../../../src/traceImage.js";
import { seededParameters } from "../../../src/weights/paramScope.js";

const IMAGE = {
  width: 40,
  height: 32,
  channels: 1,
  data: Uint8Array.from({ length: 40 * 32 }, (_, n) => n % 251),
} as const;

describe("traceImage", () => {
  let model: Sam;
  beforeAll(async () => {
    await useBackend("wasm");
    model = new Sam(seededParameters(1), TINY);
  });
  afterAll(() => {
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });

  it("gives what the patterns name, with PyTorch's axes", async () => {
    const patterns = ["image_encoder.blocks.*.attn", "image_encoder", "mask_decoder.all_masks"];
    const tensors = await traceImage(model, IMAGE, { box: [5, 5, 30, 20] }, patterns);
    expect([...tensors].map(([path, { shape }]) => [path, shape.join()])).toEqual([
      ...[0, 2, 4].flatMap((block) => [
        [`image_encoder.blocks.${block}.attn`, "4,8,8,192"],
        [`image_encoder.blocks.${block + 1}.attn`, "1,16,16,192"],
      ]),
      ["image_encoder", "1,128,16,16"],
      ["mask_decoder.all_masks", "1,4,64,64"],
    ]);
  });

  it("says that nothing ran, where a predictor with a crop only got its image", async () => {
    const predictor = new SamPredictor(model); // of the preset that belongs to this size
    expect(predictor.crop).toBe(2);
    await expect(trace(model, ["image_encoder"], () => predictor.setImage(IMAGE))).rejects.toThrow(
      "no layer of the model ran in body; a SamPredictor with a crop encodes in predict",
    );
    await predictor.dispose();
  });

  it("names the nearest when there is no such value", async () => {
    const before = tf.memory().numTensors;
    await expect(
      traceImage(model, IMAGE, { box: [5, 5, 30, 20] }, ["image_encoder.blocks.*.atn"]),
    ).rejects.toThrow(/"image_encoder.blocks.\*.atn" matches no layer or named value; near it are .*attn/);
    expect(tf.memory().numTensors).toBe(before);
  });
});
