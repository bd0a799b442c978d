import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import { summariseConfig, summariseModel } from "../../../src/inspect/modelSummary.js";
import { Layer } from "../../../src/layers/layer.js";
import { LITE_MEDSAM, TINY, VIT_B, VIT_H } from "../../../src/model/config.js";
import type { ImageEncoder } from "../../../src/model/imageEncoder.js";
import { MEDSAM2 } from "../../../src/model/sam2/config.js";
import { Sam } from "../../../src/model/sam.js";
import { seededParameters } from "../../../src/weights/paramScope.js";

describe("a model's summary", () => {
  beforeAll(() => useBackend("cpu"));
  afterEach(() => {
    expect(tf.memory().numTensors).toBe(0);
    expect(tf.getBackend()).toBe("cpu");
  });

  const rows = (config: Parameters<typeof summariseConfig>[0]) =>
    new Map(summariseConfig(config).layers.map((row) => [row.path, row]));

  it("has ViT-B's multiply-adds and parameters as they were counted by hand", () => {
    const layers = rows(VIT_B);
    const products = (path: string) => layers.get(path)?.multiplyAdds;
    // ../shared/spec/sam-vit-b.md, section 14: batch 1 at 1024, one box.
    expect(products("image_encoder.patch_embed")).toBe(2_415_919_104);
    expect(products("image_encoder.blocks.0")).toBe(32_468_447_232);
    expect(products("image_encoder.blocks.2")).toBe(55_163_486_208);
    expect(products("image_encoder.blocks.0.attn.qkv")).toBe(8_670_412_800);
    expect(products("image_encoder.blocks.2.attn.proj")).toBe(2_415_919_104);
    expect(products("image_encoder.blocks.2.mlp")).toBe(19_327_352_832);
    expect(products("image_encoder.neck.0")).toBe(805_306_368);
    expect(products("image_encoder.neck.2")).toBe(2_415_919_104);
    expect(products("image_encoder")).toBe(486_038_667_264);
    expect(products("mask_decoder")).toBe(1_811_302_400);
    expect(products("mask_decoder.transformer.layers.0.self_attn")).toBe(1_860_096);
    expect(products("mask_decoder.transformer.final_attn_token_to_image")).toBe(276_234_240);
    expect(products("mask_decoder.iou_prediction_head")).toBe(132_096);
    // Section 11.4.
    const parameters = (path: string) => layers.get(path)?.parameters;
    expect(parameters("image_encoder")).toBe(89_670_912);
    expect(parameters("image_encoder.blocks.0")).toBe(7_091_328);
    expect(parameters("image_encoder.blocks.2")).toBe(7_104_128);
    expect(parameters("prompt_encoder")).toBe(6_220);
    expect(parameters("mask_decoder")).toBe(4_058_340);
    expect(parameters("")).toBe(93_735_472);
  });

  it("has ViT-H's and LiteMedSAM's", () => {
    expect(rows(VIT_H).get("image_encoder")).toMatchObject({
      multiplyAdds: 2_980_541_415_424,
      parameters: 637_026_048,
    });
    const lite = rows(LITE_MEDSAM);
    expect(lite.get("image_encoder")).toMatchObject({
      multiplyAdds: 37_474_352_640,
      parameters: 5_726_740,
    });
    expect(lite.get("image_encoder.layers.2")?.multiplyAdds).toBe(10_564_024_320);
    expect(lite.get("image_encoder.patch_embed")?.multiplyAdds).toBe(140_509_184);
  });

  it("has MedSAM2's", () => {
    const layers = rows(MEDSAM2);
    const products = (path: string) => layers.get(path)?.multiplyAdds;
    // ../shared/spec/medsam2.md, section 14: at 512, one box.
    // Here the table of positions is stretched by matrix products, 7 x 7 to 128 x 128 of 96 channels.
    const stretching = 96 * (128 * 7 * 7 + 128 * 128 * 7);
    expect(products("image_encoder")).toBe(31_222_291_968 + stretching);
    expect(products("image_encoder.trunk.patch_embed")).toBe(231_211_008);
    expect(products("image_encoder.trunk.blocks.1")).toBe(2_667_577_344);
    expect(products("image_encoder.trunk.blocks.5")).toBe(2_617_245_696);
    expect(products("image_encoder.trunk.blocks.10")).toBe(3_463_501_824);
    expect(products("image_encoder.neck")).toBe(754_974_720);
    expect(products("sam_mask_decoder")).toBe(477_546_752);
    expect(layers.get("image_encoder")?.parameters).toBe(27_219_136);
    expect(layers.get("sam_mask_decoder")?.parameters).toBe(4_215_109);
    expect(layers.get("")?.parameters).toBe(38_962_498);
  });

  it("knows shapes with PyTorch's axes, of taps too, and the memory of attention in blocks", () => {
    const { layers, values } = summariseConfig(VIT_B);
    const shapes = new Map(values.map(({ path, shape }) => [path, shape.join()]));
    expect(shapes.get("image_encoder")).toBe("1,256,64,64");
    expect(shapes.get("image_encoder.blocks.0.attn")).toBe("25,14,14,768");
    expect(shapes.get("image_encoder.blocks.2.attn.scores")).toBe("12,4096,4096");
    expect(shapes.get("mask_decoder.transformer.layers.1.queries")).toBe("1,7,256");
    expect(shapes.get("prompt_encoder.dense_embeddings")).toBe("1,256,64,64");
    expect(shapes.get("mask_decoder.all_masks")).toBe("1,4,256,256");
    const attention = layers.find(({ path }) => path === "image_encoder.blocks.2.attn");
    expect(attention).toMatchObject({ layer: "GridAttention", outputBytes: 4096 * 768 * 4 });
    // Far below the 805 MB of all scores, though some blocks of them are there.
    expect(attention?.peakBytes).toBeGreaterThan(100e6);
    expect(attention?.peakBytes).toBeLessThan(400e6);
    expect(layers.find(({ path }) => path === "prompt_encoder.mask_downscaling")).toMatchObject({
      multiplyAdds: 0,
      outputBytes: 0,
    });
  });

  it("is the model's own, with layers that were put into it", () => {
    const model = new Sam(seededParameters(1), TINY);
    const { numTensors } = tf.memory();
    const of = (path: string) => summariseModel(model).layers.find((row) => row.path === path);
    const path = "image_encoder.blocks.1.mlp";
    const before = of(path);
    class Halved extends Layer {
      forward(x: tf.Tensor): tf.Tensor {
        return x.mul(0.5);
      }
    }
    const block = (model.imageEncoder as ImageEncoder).blocks[1];
    block.mlp.dispose();
    block.mlp = new Halved();
    expect(before).toMatchObject({ layer: "MlpBlock", multiplyAdds: 2 * 256 * 192 * 768 });
    expect(of(path)).toMatchObject({ layer: "Halved", parameters: 0, multiplyAdds: 0, shape: before?.shape });
    expect(tf.memory().numTensors).toBe(numTensors - 4);
    model.dispose();
  });
});
