import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import { Relu } from "../../../src/layers/activation.js";
import { snakeCase } from "../../../src/layers/layer.js";
import { MlpBlock } from "../../../src/layers/mlp.js";
import { EncoderBlock, ImageEncoder } from "../../../src/model/imageEncoder.js";
import { TINY } from "../../../src/model/config.js";
import { Sam } from "../../../src/model/sam.js";
import { seededParameters } from "../../../src/weights/paramScope.js";

describe("a layer", () => {
  beforeAll(() => useBackend("cpu"));
  afterEach(() => expect(tf.memory().numTensors).toBe(0));

  it("names its parameters as PyTorch's state_dict does", () => {
    const model = new Sam(seededParameters(1), TINY);
    const names = [...model.namedParameters().keys()];
    expect(names).toContain("image_encoder.blocks.3.attn.rel_pos_h");
    expect(names).toContain("image_encoder.neck.2.weight");
    expect(names).toContain("prompt_encoder.pe_layer.positional_encoding_gaussian_matrix");
    expect(names).toContain("prompt_encoder.not_a_point_embed.weight");
    expect(names).toContain("prompt_encoder.mask_downscaling.6.bias");
    expect(names).toContain("mask_decoder.transformer.layers.1.cross_attn_token_to_image.out_proj.bias");
    expect(names).toContain("mask_decoder.output_hypernetworks_mlps.3.layers.2.weight");
    expect(names.length).toBe(230);
    model.dispose();
  });

  it("gives names by place, so a replaced child has the path of the old one", () => {
    const block = new MlpBlock(seededParameters(1), { dim: 4, hiddenDim: 8, act: new Relu() });
    const other = new MlpBlock(seededParameters(2), { dim: 4, hiddenDim: 8, act: new Relu() });
    block.lin1.dispose();
    block.lin1 = other.lin1;
    expect([...block.namedParameters().keys()]).toEqual([
      "lin1.weight",
      "lin1.bias",
      "lin2.weight",
      "lin2.bias",
    ]);
    other.lin2.dispose();
    block.dispose();
  });

  it("leaves one tensor a call, its result", () => {
    const block = new EncoderBlock(seededParameters(1), {
      dim: 8,
      numHeads: 2,
      mlpRatio: 2,
      windowSize: 3,
      inputSize: [4, 5],
    });
    const x = tf.randomNormal([2, 4, 5, 8], 0, 1, "float32", 7);
    const before = tf.memory().numTensors;
    const y = block.call(x);
    expect(tf.memory().numTensors).toBe(before + 1);
    expect(y.shape).toEqual([2, 4, 5, 8]);
    tf.dispose([x, y]);
    block.dispose();
  });

  it("frees the activation when an encoder is left half way", () => {
    const encoder = new ImageEncoder(seededParameters(1), TINY.imageEncoder, TINY);
    const images = tf.zeros([1, 128, 128, 3]);
    const before = tf.memory().numTensors;
    const steps = encoder.steps(images);
    steps.next();
    steps.next();
    expect(tf.memory().numTensors).toBe(before + 1);
    steps.return(undefined as never);
    expect(tf.memory().numTensors).toBe(before);
    images.dispose();
    encoder.dispose();
    expect(encoder.isDisposed).toBe(true);
  });

  it("is named in snake case", () => {
    expect(["relPosH", "norm1", "crossAttnTokenToImage", "notAPointEmbed"].map(snakeCase)).toEqual([
      "rel_pos_h",
      "norm1",
      "cross_attn_token_to_image",
      "not_a_point_embed",
    ]);
  });
});
