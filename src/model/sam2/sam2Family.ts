import { SAM2_NAMES } from "../../weights/sam2Names.js";
import type { Family } from "../family.js";
import { MEDSAM2, type Sam2Config } from "./config.js";
import { recogniseSam2, SAM2_CONFIGS } from "./recogniseSam2.js";
import { Sam2 } from "./sam2.js";

const BLOCKS = ["image_encoder.trunk.blocks.*"];

/** Pixels to which the trunk's last grid and its windows come out even. */
const STEP = 32;

/** Segment Anything 2.1 and MedSAM2. */
export const SAM2_FAMILY: Family<Sam2Config> = {
  name: "sam2",
  title: "SAM 2.1 or MedSAM2",
  naming: SAM2_NAMES,
  configs: SAM2_CONFIGS,
  recognise: recogniseSam2,
  withImageSize(config, imageSize) {
    if (!Number.isInteger(imageSize) || imageSize < STEP || imageSize % STEP !== 0)
      throw new RangeError(`image size ${imageSize}; expected a multiple of ${STEP} for ${this.title}`);
    return { ...config, imageSize };
  },
  assumed: (config) =>
    config.imageEncoder.stages.join() === MEDSAM2.imageEncoder.stages.join()
      ? [`image size ${config.imageSize}: MedSAM2 (512) and SAM 2.1 tiny (1024) have the same tensors`]
      : [],
  build: (params, config) => new Sam2(params, config),
  preset: () => "SAM2ImagePredictor",
  blocks: BLOCKS,
  gridBlocks: [],
  firstBlockInput: "image_encoder.trunk.tokens",
  parts: [
    ...BLOCKS,
    "image_encoder.trunk.*",
    "image_encoder.*",
    "memory_attention.layers.*",
    "memory_attention",
    "memory_encoder.*",
    "sam_prompt_encoder",
    "sam_mask_decoder.transformer.layers.*",
    "sam_mask_decoder.transformer.*",
    "sam_mask_decoder.*",
  ],
  taps: [...BLOCKS, "image_encoder", "sam_mask_decoder.all_masks"],
  trainable: {
    decoder: ["sam_mask_decoder.**"],
    "encoder+decoder": ["image_encoder.**", "sam_mask_decoder.**"],
    lora: ["**.lora.*.*"],
    all: ["**"],
  },
  loraTargets: ["image_encoder.trunk.blocks.*.attn.qkv"],
};
