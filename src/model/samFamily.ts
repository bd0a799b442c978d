import { SAM_NAMES } from "../weights/samNames.js";
import { isSameConfig, LITE_MEDSAM, TINY, VIT_B, VIT_H, VIT_L, type SamConfig } from "./config.js";
import type { Family } from "./family.js";
import { recogniseSam } from "./recogniseSam.js";
import { Sam } from "./sam.js";

/** The stages of LiteMedSAM's encoder are its blocks. */
const BLOCKS = ["image_encoder.blocks.*", "image_encoder.layers.*"];

/** Segment Anything, MedSAM and LiteMedSAM. */
export const SAM_FAMILY: Family<SamConfig> = {
  name: "sam",
  title: "SAM, MedSAM or LiteMedSAM",
  naming: SAM_NAMES,
  configs: { VIT_B, VIT_L, VIT_H, TINY, LITE_MEDSAM },
  recognise: recogniseSam,
  build: (params, config) => new Sam(params, config),
  preset: (config) => {
    if (config.imageEncoder.type === "TinyViT") return "LiteMedSAM";
    return isSameConfig(config, TINY) ? "medsam-tiny" : "MedSAM_Inference";
  },
  blocks: BLOCKS,
  gridBlocks: ["image_encoder.blocks.*"],
  firstBlockInput: "image_encoder.tokens",
  parts: [
    ...BLOCKS,
    "image_encoder.*",
    "prompt_encoder",
    "mask_decoder.transformer.layers.*",
    "mask_decoder.transformer.*",
    "mask_decoder.*",
  ],
  taps: [...BLOCKS, "image_encoder", "mask_decoder.all_masks"],
  trainable: {
    decoder: ["mask_decoder.**"],
    "encoder+decoder": ["image_encoder.**", "mask_decoder.**"],
    lora: ["**.lora.*.*"],
    all: ["**"],
  },
  loraTargets: ["image_encoder.blocks.*.attn.qkv"],
};
