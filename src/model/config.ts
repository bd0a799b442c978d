/** Sizes of a SAM. All architectures of this family are values of this type; no code is written for one of them. */
export interface SamConfig {
  /** Side of the square input of the image encoder, in pixels. */
  readonly imageSize: number;
  /** Pixels a cell of the embedding's grid: it has `imageSize / patchSize` cells a side. */
  readonly patchSize: number;
  readonly imageEncoder: ViTSizes | TinyViTSizes;
  /** Width of embedding, prompts and decoder (`out_chans`, `prompt_embed_dim` upstream). */
  readonly promptEmbedDim: number;
  readonly maskInChans: number;
  readonly maskDecoder: MaskDecoderSizes;
}

/** A configuration of any family. */
export type ModelConfig = SamConfig;

/** Sizes of SAM's vision transformer. */
export interface ViTSizes {
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
  imageSize: 128,
  patchSize: 8,
  imageEncoder: {
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
    embedDims: [64, 128, 160, 320],
    depths: [2, 2, 6, 2],
    numHeads: [2, 4, 5, 10],
    windowSizes: [7, 7, 14, 7],
  },
} as const satisfies SamConfig;

/** Cells of the embedding a side. */
export function gridSize({ imageSize, patchSize }: SamConfig): number {
  return imageSize / patchSize;
}

/** Name of a known configuration, for people; `custom` for any other. */
export function configName(config: SamConfig): string {
  const same = JSON.stringify(canonical(config));
  const known = Object.entries({ VIT_B, VIT_L, VIT_H, TINY, LITE_MEDSAM });
  return known.find(([, preset]) => JSON.stringify(canonical(preset)) === same)?.[0] ?? "custom";
}

/** The same value with its fields in one order. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, canonical(item)]));
}
