import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import { Layer, LayerShapeError } from "../../../src/layers/layer.js";
import { TINY } from "../../../src/model/config.js";
import type { ImageEncoder } from "../../../src/model/imageEncoder.js";
import { Sam } from "../../../src/model/sam.js";
import { SteppedEncoder } from "../../../src/model/steppedEncoder.js";
import type { TwoWayTransformer } from "../../../src/model/twoWayTransformer.js";
import { SamPredictor } from "../../../src/predictor/samPredictor.js";
import { seededParameters } from "../../../src/weights/paramScope.js";

const IMAGE = { width: 16, height: 16, channels: 1, data: new Uint8Array(256) } as const;

/** Gives its input with the last axis cut off, which TensorFlow.js would broadcast without a word. */
class Wrong extends Layer {
  forward(x: tf.Tensor): tf.Tensor {
    return x.slice(
      x.shape.map(() => 0),
      [...x.shape.slice(0, -1), 1],
    );
  }
}

class WrongEncoder extends SteppedEncoder {
  neck: Layer = new Wrong();
  protected stem(images: tf.Tensor): tf.Tensor {
    return images.clone();
  }
  protected stages(): readonly Layer[] {
    return [];
  }
}

let model: Sam;
beforeAll(async () => {
  await useBackend("wasm");
  model = new Sam(seededParameters(1), TINY);
});
afterAll(() => {
  model.dispose();
  expect(tf.memory().numTensors).toBe(0);
});

const block = (index: number) => (model.imageEncoder as ImageEncoder).blocks[index];
const decoderBlock = () => (model.maskDecoder.transformer as TwoWayTransformer).layers[1];

it.each<[string, () => Record<string, unknown>, string, string]>([
  ["image_encoder.blocks.2.attn", () => ({ at: block(2), field: "attn" }), "[4, 8, 8, 1]", "[4, 8, 8, 192]"],
  [
    "image_encoder.blocks.3.mlp",
    () => ({ at: block(3), field: "mlp" }),
    "[1, 16, 16, 1]",
    "[1, 16, 16, 192]",
  ],
  [
    "image_encoder.blocks.0.mlp.act",
    () => ({ at: block(0).mlp, field: "act" }),
    "[1, 16, 16, 1]",
    "[1, 16, 16, 768]",
  ],
  [
    "mask_decoder.transformer.layers.1.cross_attn_token_to_image",
    () => ({ at: decoderBlock(), field: "crossAttnTokenToImage" }),
    "[1, 7, 1]",
    "[1, 7, 128]",
  ],
])("a wrong shape is named: %s", async (path, place, got, expected) => {
  const { at, field } = place() as { at: Record<string, Layer>; field: string };
  const before = tf.memory().numTensors;
  const original = at[field];
  at[field] = new Wrong();
  const predictor = new SamPredictor(model);
  const run = predictor.setImage(IMAGE).then(() => predictor.predict({ box: [2, 2, 9, 9] }));
  await expect(run).rejects.toThrow(LayerShapeError);
  await expect(run).rejects.toThrow(`${path} (Wrong) gives ${got}; expected ${expected}`);
  await predictor.dispose();
  at[field] = original;
  expect(tf.memory().numTensors).toBe(before);
});

it("a wrong shape is named: image_encoder", async () => {
  const original = model.imageEncoder;
  model.imageEncoder = new WrongEncoder();
  const predictor = new SamPredictor(model);
  await predictor.setImage(IMAGE);
  await expect(predictor.predict({ box: [2, 2, 9, 9] })).rejects.toThrow(
    "image_encoder (WrongEncoder) gives [1, 128, 128, 1]; expected [1, 16, 16, 128]",
  );
  await predictor.dispose();
  model.imageEncoder = original;
});
