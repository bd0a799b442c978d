import type { MaskDecoderSizes } from "../config.js";

/** Sizes of a SAM 2.1. All of them are values of this type; no code is written for one of them. */
export interface Sam2Config {
  readonly family: "sam2";
  /** Side of the square input of the image encoder, in pixels. */
  readonly imageSize: number;
  /** Pixels a cell of the embedding's grid (`backbone_stride` upstream). */
  readonly patchSize: 16;
  readonly imageEncoder: HieraSizes;
  /** Width of embedding, prompts, decoder and memory attention (`d_model`, `hidden_dim` upstream). */
  readonly promptEmbedDim: number;
  readonly maskInChans: number;
  readonly maskDecoder: MaskDecoderSizes;
  readonly memoryAttention: MemoryAttentionSizes;
  readonly memoryEncoder: MemoryEncoderSizes;
  /** Frames whose memories are looked at: the prompted ones together, and one less than this before the current one. */
  readonly numMaskmem: number;
  /** Object pointers that are looked at beside the memories. */
  readonly maxObjPtrsInEncoder: number;
}

/**
 * Sizes of the trunk, a hierarchical vision transformer, with upstream's names. From each stage to the next the grid
 * halves, and width and heads double.
 *
 * @see sam2/modeling/backbones/hieradet.py, `Hiera`
 */
export interface HieraSizes {
  /** Width of the first stage. */
  readonly embedDim: number;
  /** Heads of the first stage. */
  readonly numHeads: number;
  /** Blocks of each stage. */
  readonly stages: readonly number[];
  /** Blocks that attend over the whole grid, counted through all stages. */
  readonly globalAttBlocks: readonly number[];
  /** Size of the table of positions that is stretched over the grid. */
  readonly windowPosEmbedBkgSpatialSize: readonly [height: number, width: number];
  /** Side of the windows of each stage in tokens; the first block of a stage has those of the stage before. */
  readonly windowSpec: readonly number[];
}

/** @see sam2/modeling/memory_attention.py, `MemoryAttention` */
export interface MemoryAttentionSizes {
  readonly numLayers: number;
  readonly dimFeedforward: number;
}

/** @see sam2/modeling/memory_encoder.py, `MemoryEncoder`, `Fuser` */
export interface MemoryEncoderSizes {
  /** Width of memories. */
  readonly outDim: number;
  /** Blocks of the fuser. */
  readonly numLayers: number;
}

const SAM2_1 = {
  family: "sam2",
  imageSize: 1024,
  patchSize: 16,
  promptEmbedDim: 256,
  maskInChans: 16,
  maskDecoder: {
    depth: 2,
    numHeads: 8,
    mlpDim: 2048,
    numMultimaskOutputs: 3,
    iouHeadDepth: 3,
    iouHeadHiddenDim: 256,
  },
  memoryAttention: { numLayers: 4, dimFeedforward: 2048 },
  memoryEncoder: { outDim: 64, numLayers: 2 },
  numMaskmem: 7,
  maxObjPtrsInEncoder: 16,
} as const;

/** SAM 2.1 tiny: 39.0 million parameters. @see sam2/configs/sam2.1/sam2.1_hiera_t.yaml */
export const SAM2_1_TINY = {
  ...SAM2_1,
  imageEncoder: {
    embedDim: 96,
    numHeads: 1,
    stages: [1, 2, 7, 2],
    globalAttBlocks: [5, 7, 9],
    windowPosEmbedBkgSpatialSize: [7, 7],
    windowSpec: [8, 4, 14, 7],
  },
} as const satisfies Sam2Config;

/** SAM 2.1 small: 46.0 million parameters. @see sam2/configs/sam2.1/sam2.1_hiera_s.yaml */
export const SAM2_1_SMALL = {
  ...SAM2_1,
  imageEncoder: { ...SAM2_1_TINY.imageEncoder, stages: [1, 2, 11, 2], globalAttBlocks: [7, 10, 13] },
} as const satisfies Sam2Config;

/** SAM 2.1 base+: 80.9 million parameters. @see sam2/configs/sam2.1/sam2.1_hiera_b+.yaml */
export const SAM2_1_BASE_PLUS = {
  ...SAM2_1,
  imageEncoder: {
    embedDim: 112,
    numHeads: 2,
    stages: [2, 3, 16, 3],
    globalAttBlocks: [12, 16, 20],
    windowPosEmbedBkgSpatialSize: [14, 14],
    windowSpec: [8, 4, 14, 7],
  },
} as const satisfies Sam2Config;

/** SAM 2.1 large: 224.5 million parameters. @see sam2/configs/sam2.1/sam2.1_hiera_l.yaml */
export const SAM2_1_LARGE = {
  ...SAM2_1,
  imageEncoder: {
    embedDim: 144,
    numHeads: 2,
    stages: [2, 6, 36, 4],
    globalAttBlocks: [23, 33, 43],
    windowPosEmbedBkgSpatialSize: [7, 7],
    windowSpec: [8, 4, 16, 8],
  },
} as const satisfies Sam2Config;

/** MedSAM2: SAM 2.1 tiny at 512. @see bowang-lab/MedSAM2, sam2/configs/sam2.1_hiera_t512.yaml */
export const MEDSAM2 = { ...SAM2_1_TINY, imageSize: 512 } as const satisfies Sam2Config;
