import { CheckpointError, type TensorInfo } from "../weights/checkpoint.js";
import type { SamConfig } from "./config.js";

/**
 * Reads a configuration off a checkpoint's shapes. Everything can be read but the decoder's number of heads,
 * which is SAM's default of 8.
 *
 * @param tensors by state_dict path (original names).
 * @throws CheckpointError naming what is missing for this to be a SAM.
 */
export function recogniseConfig(tensors: ReadonlyMap<string, TensorInfo>, source: string): SamConfig {
  const shape = (path: string, rank: number): readonly number[] => {
    const info = tensors.get(path);
    if (info?.shape.length === rank && !info.shape.includes(0)) return info.shape;
    const got = info === undefined ? "no such tensor" : `shape [${info.shape}]`;
    throw new CheckpointError(
      `${source}: not recognised as a SAM or MedSAM checkpoint; expected ${path} with ${rank} axes, got ${got}. ` +
        `List what the file holds with: medsam inspect`,
    );
  };
  const count = (pattern: (index: number) => string): number => {
    let index = 0;
    while (tensors.has(pattern(index))) index++;
    return index;
  };

  const [, grid, , embedDim] = shape("image_encoder.pos_embed", 4);
  const [, , , patchSize] = shape("image_encoder.patch_embed.proj.weight", 4);
  const depth = count((index) => `image_encoder.blocks.${index}.attn.rel_pos_h`);
  const tables = Array.from({ length: depth }, (_, index) =>
    shape(`image_encoder.blocks.${index}.attn.rel_pos_h`, 2),
  );
  const [[, headDim]] = tables.length > 0 ? tables : [shape("image_encoder.blocks.0.attn.rel_pos_h", 2)];
  const isGlobal = tables.map(([rows]) => rows === 2 * grid - 1);
  const windowed = tables.find((_, index) => !isGlobal[index]);
  const [hidden] = shape("image_encoder.blocks.0.mlp.lin1.weight", 2);
  const [promptEmbedDim] = shape("image_encoder.neck.0.weight", 4);
  const [maskInChans] = shape("prompt_encoder.mask_downscaling.3.weight", 4);
  const [mlpDim] = shape("mask_decoder.transformer.layers.0.mlp.lin1.weight", 2);
  const [maskTokens] = shape("mask_decoder.mask_tokens.weight", 2);
  const [iouHeadHiddenDim] = shape("mask_decoder.iou_prediction_head.layers.0.weight", 2);
  return {
    imageSize: grid * patchSize,
    patchSize,
    imageEncoder: {
      embedDim,
      depth,
      numHeads: embedDim / headDim,
      mlpRatio: hidden / embedDim,
      // Without a windowed block the number is never used.
      windowSize: windowed === undefined ? grid : (windowed[0] + 1) / 2,
      globalAttnIndexes: isGlobal.flatMap((global, index) => (global ? [index] : [])),
    },
    promptEmbedDim,
    maskInChans,
    maskDecoder: {
      depth: count((index) => `mask_decoder.transformer.layers.${index}.norm1.weight`),
      numHeads: 8,
      mlpDim,
      numMultimaskOutputs: maskTokens - 1,
      iouHeadDepth: count((index) => `mask_decoder.iou_prediction_head.layers.${index}.weight`),
      iouHeadHiddenDim,
    },
  };
}
