import { describe, expect, it } from "vitest";
import { LITE_MEDSAM, readConfig, TINY, VIT_B, type ModelConfig } from "../../../src/model/config.js";
import { configName, FAMILIES, familyOf, recogniseConfig } from "../../../src/model/families.js";
import { parameterShapes } from "../../../src/model/parameterShapes.js";
import { partOf } from "../../../src/inspect/parity.js";
import type { TrainablePreset } from "../../../src/model/family.js";
import { Sam } from "../../../src/model/sam.js";
import { chooseTrainable } from "../../../src/train/select.js";
import { ParamScope } from "../../../src/weights/paramScope.js";
import { buildSam } from "../../../src/model/load.js";
import { PRESETS } from "../../../src/predictor/presetTable.js";
import { bytesSource } from "../../../src/weights/byteSource.js";
import type { TensorInfo } from "../../../src/weights/checkpoint.js";
import { normaliseKeys } from "../../../src/weights/keys.js";
import { readSafetensors } from "../../../src/weights/safetensors.js";
import { safetensorsBytes } from "../../../src/weights/safetensorsWriter.js";

const infos = (names: readonly string[]) =>
  new Map(names.map((name): [string, TensorInfo] => [name, { dtype: "F32", shape: [1] }]));

function checkpointOf(names: readonly string[]) {
  const tensors = names.map((name) => ({ name, dtype: "F32", shape: [1], bytes: () => new Uint8Array(4) }) as const); // prettier-ignore
  return readSafetensors(bytesSource(new Uint8Array(safetensorsBytes(tensors)), "MedSAM2_latest.pt"));
}

/** What tells SAM 2 apart in the original files, and in transformers' `Sam2Model` and `Sam2VideoModel`. */
const SAM2 = {
  original: [
    "image_encoder.trunk.blocks.0.norm1.weight",
    "image_encoder.neck.convs.0.conv.weight",
    "memory_attention.norm.weight",
    "sam_mask_decoder.iou_token.weight",
    "sam_prompt_encoder.no_mask_embed.weight",
  ],
  "Hugging Face": [
    "vision_encoder.backbone.blocks.0.layer_norm1.weight",
    "vision_encoder.neck.convs.0.weight",
    "memory_attention.layer_norm.weight",
    "mask_decoder.iou_token.weight",
    "prompt_encoder.no_mask_embed.weight",
  ],
};

describe.each(Object.entries(SAM2))("SAM 2's weights with %s names", (_, names) => {
  it.each(["", "model.", "module."])("are told by name where SAM's are asked for, after %j", (prefix) => {
    const checkpoint = checkpointOf(names.map((name) => `${prefix}${name}`));
    expect(() => buildSam(checkpoint)).toThrow(
      "MedSAM2_latest.pt: holds weights of SAM 2.1 or MedSAM2; expected those of SAM, MedSAM or LiteMedSAM",
    );
  });

  it("get the original names", () => {
    const { checkpoint } = normaliseKeys(checkpointOf(names));
    expect([...checkpoint.tensors.keys()].sort()).toEqual([...SAM2.original].sort());
  });
});

it("names of no family are measured by SAM", () => {
  expect(() => recogniseConfig(infos(["weight", "bias"]), "x.pth")).toThrow(
    "x.pth: not recognised as a SAM or MedSAM checkpoint",
  );
});

it("a family names itself, its presets and its configurations", () => {
  for (const family of FAMILIES)
    for (const [name, config] of Object.entries(family.configs)) {
      expect(familyOf(config)).toBe(family);
      expect(configName(config)).toBe(name);
      expect(PRESETS.map((preset) => preset.name)).toContain(family.preset(config));
      const paths = [...parameterShapes(config).keys()];
      expect(family.naming.isOriginal(paths)).toBe(true);
      expect(family.naming.isHuggingFace(paths)).toBe(false);
      const other = paths.map((path) => family.naming.toHuggingFace(path));
      expect([family.naming.isOriginal(other), family.naming.isHuggingFace(other)]).toEqual([false, true]);
    }
  expect(() => familyOf({ family: "sam3" } as unknown as ModelConfig)).toThrow(
    'a configuration is of the family "sam3"; expected one of sam, sam2',
  );
});

it.each([
  ["image_encoder.blocks.3.attn.qkv", "image_encoder.blocks.3"],
  ["image_encoder.layers.2", "image_encoder.layers.2"],
  ["image_encoder.neck.0", "image_encoder.neck"],
  ["image_encoder", "image_encoder"],
  ["prompt_encoder.dense_pe", "prompt_encoder"],
  ["mask_decoder.transformer.layers.1.norm1", "mask_decoder.transformer.layers.1"],
  ["mask_decoder.transformer.norm_final_attn", "mask_decoder.transformer.norm_final_attn"],
  ["mask_decoder.output_upscaling.3", "mask_decoder.output_upscaling"],
  ["grad.image_encoder.blocks.11.norm1.weight", "grad.image_encoder.blocks.11"],
  ["train.losses", "train.losses"],
  ["input.image", "input.image"],
])("%s is shown with %s", (path, part) => {
  expect(partOf(VIT_B, path)).toBe(part);
});

it("a preset that is not for a family is refused with those that are", () => {
  const model = new Sam(new ParamScope({ values: () => undefined }), TINY);
  expect(() => chooseTrainable(model, "memory" as TrainablePreset)).toThrow(
    'nothing to train: "memory" is not for SAM, MedSAM or LiteMedSAM; choose decoder, encoder+decoder, lora, all, or patterns',
  );
  model.dispose();
});

it("a configuration from a file that does not name its family is SAM's", () => {
  for (const config of [VIT_B, TINY, LITE_MEDSAM]) {
    const { imageEncoder, ...others } = JSON.parse(JSON.stringify(config)) as Record<string, object>;
    const old = { ...others, imageEncoder: { ...imageEncoder, type: undefined }, family: undefined };
    expect(readConfig(JSON.parse(JSON.stringify(old)))).toEqual(config);
    expect(readConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
  }
});
