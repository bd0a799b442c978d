import { describe, expect, it } from "vitest";
import { addLora } from "../../../src/layers/lora.js";
import { TINY } from "../../../src/model/config.js";
import { Sam } from "../../../src/model/sam.js";
import type { TrainablePreset } from "../../../src/model/family.js";
import { chooseTrainable, type TrainableChoice } from "../../../src/train/select.js";
import { seededParameters } from "../../../src/weights/paramScope.js";
import { onBackend } from "./fixtures.js";

const BUFFER = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix";

function choose(choice: TrainablePreset | TrainableChoice): string[] {
  const model = new Sam(seededParameters(1), TINY);
  addLora(model, ["image_encoder.blocks.*.attn.qkv"], seededParameters(2), { rank: 2, alpha: 2 });
  try {
    return [...chooseTrainable(model, choice).keys()];
  } finally {
    model.dispose();
  }
}

describe("what trains", () => {
  onBackend("cpu");

  it("by preset", () => {
    const rooms = (preset: TrainablePreset) => [...new Set(choose(preset).map((name) => name.split(".")[0]))];
    expect(rooms("decoder")).toEqual(["mask_decoder"]);
    expect(rooms("encoder+decoder")).toEqual(["image_encoder", "mask_decoder"]);
    expect(rooms("all")).toEqual(["image_encoder", "prompt_encoder", "mask_decoder"]);
    expect(choose("lora")).toEqual(
      [0, 1, 2, 3, 4, 5].flatMap((block) =>
        ["a", "b"].map((name) => `image_encoder.blocks.${block}.attn.qkv.lora.0.${name}`),
      ),
    );
  });

  it("by patterns, what is frozen taken away", () => {
    expect(choose({ train: ["mask_decoder.iou_prediction_head.**"], freeze: ["**.weight"] })).toEqual(
      [0, 1, 2].map((layer) => `mask_decoder.iou_prediction_head.layers.${layer}.bias`),
    );
  });

  it("never holds buffers", () => expect(choose("all")).not.toContain(BUFFER));

  it("refuses a pattern that matches nothing, and names its neighbours", () => {
    expect(() => choose({ train: ["mask_decodr.**"] })).toThrow(
      '"mask_decodr.**" matches no trainable parameter; near it are mask_decoder, ',
    );
    expect(() => choose({ train: ["all"], freeze: [] })).toThrow("matches no trainable parameter");
    expect(() => choose({ train: ["**"], freeze: ["**.norm1.wieght"] })).toThrow(
      "near it are **.norm1.weight, ",
    );
    expect(() => choose({ train: [BUFFER] })).toThrow("matches no trainable parameter");
    expect(() => choose({ train: ["mask_decoder.**"], freeze: ["**"] })).toThrow(
      "nothing to train: [mask_decoder.**] without [**] is no parameter",
    );
  });
});
