import type { CommonConfig } from "../config.js";

/** Sizes of a SAM 2.1 or MedSAM2. Cells of the embedding's grid are 16 pixels (`backbone_stride` upstream). */
export interface Sam2Config extends CommonConfig {
  readonly family: "sam2";
  readonly imageEncoder: HieraSizes;
  readonly memoryAttention: MemoryAttentionSizes;
  readonly memoryEncoder: MemoryEncoderSizes;
  /** Frames whose memories are looked at: the prompted ones, and one less than this of those before the current one. */
  readonly numMaskmem: number;
  /** Frames whose object pointers are looked at. */
  readonly maxObjPtrsInEncoder: number;
}

/**
 * Sizes of the trunk, a hierarchical vision transformer, with upstream's names. From each stage to the next the grid
 * halves, and width and heads double.
 *
 * @see sam2/modeling/backbones/hieradet.py, `Hiera`
 */
export interface HieraSizes {
  readonly type: "Hiera";
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
    type: "Hiera",
    embedDim: 96,
    numHeads: 1,
    stages: [1, 2, 7, 2],
    globalAttBlocks: [5, 7, 9],
    windowPosEmbedBkgSpatialSize: [7, 7],
    windowSpec: [8, 4, 14, 7],
  },
} as const satisfies Sam2Config;

/** SAM 2.1 small: 46.1 million parameters. @see sam2/configs/sam2.1/sam2.1_hiera_s.yaml */
export const SAM2_1_SMALL = {
  ...SAM2_1,
  imageEncoder: { ...SAM2_1_TINY.imageEncoder, stages: [1, 2, 11, 2], globalAttBlocks: [7, 10, 13] },
} as const satisfies Sam2Config;

/** SAM 2.1 base+: 80.9 million parameters. @see sam2/configs/sam2.1/sam2.1_hiera_b+.yaml */
export const SAM2_1_BASE_PLUS = {
  ...SAM2_1,
  imageEncoder: {
    type: "Hiera",
    embedDim: 112,
    numHeads: 2,
    stages: [2, 3, 16, 3],
    globalAttBlocks: [12, 16, 20],
    windowPosEmbedBkgSpatialSize: [14, 14],
    windowSpec: [8, 4, 14, 7],
  },
} as const satisfies Sam2Config;

/** SAM 2.1 large: 224.4 million parameters. @see sam2/configs/sam2.1/sam2.1_hiera_l.yaml */
export const SAM2_1_LARGE = {
  ...SAM2_1,
  imageEncoder: {
    type: "Hiera",
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
