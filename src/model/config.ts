import type { Sam2Config } from "./sam2/config.js";

/** What configurations of all families have. Values of such a type are all there is of an architecture. */
export interface CommonConfig {
  /** Which family it is of: configurations are told apart by it alone. */
  readonly family: string;
  /** Side of the square input of the image encoder, in pixels. */
  readonly imageSize: number;
  /** Pixels a cell of the embedding's grid: it has `imageSize / patchSize` cells a side. */
  readonly patchSize: number;
  readonly imageEncoder: {
    /** Name of its class. */
    readonly type: string;
  };
  /** Width of embedding, prompts and decoder (`out_chans`, `prompt_embed_dim` upstream). */
  readonly promptEmbedDim: number;
  readonly maskInChans: number;
  readonly maskDecoder: MaskDecoderSizes;
}

/** Sizes of a SAM, a MedSAM or a LiteMedSAM. */
export interface SamConfig extends CommonConfig {
  readonly family: "sam";
  readonly imageEncoder: ViTSizes | TinyViTSizes;
}

/** A configuration of any family. */
export type ModelConfig = SamConfig | Sam2Config;

/** Sizes of SAM's vision transformer. */
export interface ViTSizes {
  readonly type: "ViT";
  readonly embedDim: number;
  readonly depth: number;
  readonly numHeads: number;
  readonly mlpRatio: number;
  /** Side of the windows of all blocks but the global ones, in tokens. */
  readonly windowSize: number;
  readonly globalAttnIndexes: readonly number[];
}

/** Sizes of LiteMedSAM's encoder, one number a stage; the first stage is convolutional. */
export interface TinyViTSizes {
  readonly type: "TinyViT";
  readonly embedDims: readonly number[];
  readonly depths: readonly number[];
  readonly numHeads: readonly number[];
  readonly windowSizes: readonly number[];
}

/**
 * Sizes of the mask decoder, with upstream's names.
 *
 * @see segment_anything/modeling/mask_decoder.py, `MaskDecoder`
 */
export interface MaskDecoderSizes {
  /** Two-way blocks. */
  readonly depth: number;
  readonly numHeads: number;
  readonly mlpDim: number;
  readonly numMultimaskOutputs: number;
  readonly iouHeadDepth: number;
  readonly iouHeadHiddenDim: number;
}

const SAM = {
  family: "sam",
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
} as const;

/** SAM ViT-B, which is MedSAM's: 93.7 million parameters. @see segment_anything/build_sam.py, `build_sam_vit_b` */
export const VIT_B = {
  ...SAM,
  imageEncoder: {
    type: "ViT",
    embedDim: 768,
    depth: 12,
    numHeads: 12,
    mlpRatio: 4,
    windowSize: 14,
    globalAttnIndexes: [2, 5, 8, 11],
  },
} as const satisfies SamConfig;

/** SAM ViT-L: 312 million parameters. @see segment_anything/build_sam.py, `build_sam_vit_l` */
export const VIT_L = {
  ...SAM,
  imageEncoder: {
    type: "ViT",
    embedDim: 1024,
    depth: 24,
    numHeads: 16,
    mlpRatio: 4,
    windowSize: 14,
    globalAttnIndexes: [5, 11, 17, 23],
  },
} as const satisfies SamConfig;

/** SAM ViT-H: 641 million parameters. @see segment_anything/build_sam.py, `build_sam_vit_h` */
export const VIT_H = {
  ...SAM,
  imageEncoder: {
    type: "ViT",
    embedDim: 1280,
    depth: 32,
    numHeads: 16,
    mlpRatio: 4,
    windowSize: 14,
    globalAttnIndexes: [7, 15, 23, 31],
  },
} as const satisfies SamConfig;

/** The checkpoint in the package: 3.7 million parameters, plain SAM modules at input 128. */
export const TINY = {
  family: "sam",
  imageSize: 128,
  patchSize: 8,
  imageEncoder: {
    type: "ViT",
    embedDim: 192,
    depth: 6,
    numHeads: 6,
    mlpRatio: 4,
    windowSize: 8,
    globalAttnIndexes: [1, 3, 5],
  },
  promptEmbedDim: 128,
  maskInChans: 16,
  maskDecoder: {
    depth: 2,
    numHeads: 8,
    mlpDim: 512,
    numMultimaskOutputs: 3,
    iouHeadDepth: 3,
    iouHeadHiddenDim: 128,
  },
} as const satisfies SamConfig;

/** LiteMedSAM: 9.8 million parameters at input 256. @see bowang-lab/MedSAM, branch LiteMedSAM */
export const LITE_MEDSAM = {
  ...SAM,
  imageSize: 256,
  patchSize: 4,
  imageEncoder: {
    type: "TinyViT",
    embedDims: [64, 128, 160, 320],
    depths: [2, 2, 6, 2],
    numHeads: [2, 4, 5, 10],
    windowSizes: [7, 7, 14, 7],
  },
} as const satisfies SamConfig;

/** Cells of the embedding a side. */
export function gridSize({ imageSize, patchSize }: Pick<CommonConfig, "imageSize" | "patchSize">): number {
  return imageSize / patchSize;
}

/**
 * A configuration as a file holds it. Those written before there was a second family do not say what they are: they
 * are SAM's.
 */
export function readConfig(value: unknown): ModelConfig {
  const config = value as
    ModelConfig | (Omit<SamConfig, "family" | "imageEncoder"> & { imageEncoder: object });
  if ("family" in config) return config;
  const type = "embedDims" in config.imageEncoder ? "TinyViT" : "ViT";
  const sizes = { type, ...config.imageEncoder } as SamConfig["imageEncoder"];
  return { family: "sam", ...config, imageEncoder: sizes };
}

/** Whether two configurations are equal, in whatever order their fields are. */
export function isSameConfig(a: ModelConfig, b: ModelConfig): boolean {
  return JSON.stringify(canonical(a)) === JSON.stringify(canonical(b));
}

/** The same value with its fields in one order. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, canonical(item)]));
}
