import { CheckpointError, type TensorInfo } from "../weights/checkpoint.js";
import type { SamConfig } from "./config.js";

/** SAM's, which no shape tells. */
const DECODER_HEADS = 8;

/**
 * Reads a configuration off a checkpoint's shapes. Everything can be read but the decoder's number of heads,
 * which is SAM's default of 8.
 *
 * @param tensors by state_dict path (original names).
 * @throws CheckpointError naming what is missing for this to be a SAM.
 */
export function recogniseSam(tensors: ReadonlyMap<string, TensorInfo>, source: string): SamConfig {
  const fail = (path: string, expected: string): never => {
    const info = tensors.get(path);
    throw new CheckpointError(
      `${source}: not recognised as a SAM or MedSAM checkpoint; expected ${path} ${expected}, ` +
        `got ${info === undefined ? "no such tensor" : `shape [${info.shape}]`}. ` +
        `List what the file holds with: medsam inspect`,
    );
  };
  const shape: ShapeOf = (path, rank) => {
    const info = tensors.get(path);
    if (info?.shape.length === rank && !info.shape.includes(0)) return info.shape;
    return fail(path, `with ${rank} axes`);
  };
  const whole: Whole = (number, path, expected) => (Number.isInteger(number) ? number : fail(path, expected));
  const count = (pattern: (index: number) => string): number => {
    let index = 0;
    while (tensors.has(pattern(index))) index++;
    return index;
  };

  const [maskInChans] = shape("prompt_encoder.mask_downscaling.3.weight", 4);
  const neck = "image_encoder.neck.0.weight";
  const [promptEmbedDim] = shape(neck, 4);
  whole(promptEmbedDim / DECODER_HEADS, neck, `with a multiple of ${DECODER_HEADS} outputs`);
  const [mlpDim] = shape("mask_decoder.transformer.layers.0.mlp.lin1.weight", 2);
  const [maskTokens] = shape("mask_decoder.mask_tokens.weight", 2);
  const [iouHeadHiddenDim] = shape("mask_decoder.iou_prediction_head.layers.0.weight", 2);
  return {
    family: "sam",
    ...(tensors.has("image_encoder.layers.0.blocks.0.conv1.c.weight")
      ? recogniseTinyViT(shape, count, whole)
      : recogniseViT(shape, count, whole)),
    promptEmbedDim,
    maskInChans,
    maskDecoder: {
      depth: count((index) => `mask_decoder.transformer.layers.${index}.norm1.weight`),
      numHeads: DECODER_HEADS,
      mlpDim,
      numMultimaskOutputs: maskTokens - 1,
      iouHeadDepth: count((index) => `mask_decoder.iou_prediction_head.layers.${index}.weight`),
      iouHeadHiddenDim,
    },
  };
}

/** The shape of a tensor that must have `rank` axes, none of them 0. */
type ShapeOf = (path: string, rank: number) => readonly number[];
type Count = (pattern: (index: number) => string) => number;
/** A number that must be whole, with the tensor it was read from and what that should be like. */
type Whole = (number: number, path: string, expected: string) => number;
type EncoderPart = Pick<SamConfig, "imageSize" | "patchSize" | "imageEncoder">;

function recogniseViT(shape: ShapeOf, count: Count, whole: Whole): EncoderPart {
  const [, grid, , embedDim] = shape("image_encoder.pos_embed", 4);
  const [, , , patchSize] = shape("image_encoder.patch_embed.proj.weight", 4);
  const [hidden] = shape("image_encoder.blocks.0.mlp.lin1.weight", 2);
  const positions = (block: number) => `image_encoder.blocks.${block}.attn.rel_pos_h`;
  const [, headDim] = shape(positions(0), 2);
  const depth = count(positions);
  const rows = Array.from({ length: depth }, (_, block) => shape(positions(block), 2)[0]);
  const windowed = rows.findIndex((count) => count !== 2 * grid - 1);
  return {
    imageSize: grid * patchSize,
    patchSize,
    imageEncoder: {
      type: "ViT",
      embedDim,
      depth,
      numHeads: whole(embedDim / headDim, positions(0), `with a width that divides ${embedDim}`),
      mlpRatio: hidden / embedDim,
      // Without a windowed block the number is never used.
      windowSize:
        windowed < 0
          ? grid
          : whole((rows[windowed] + 1) / 2, positions(windowed), "with an odd number of rows"),
      globalAttnIndexes: rows.flatMap((count, index) => (count === 2 * grid - 1 ? [index] : [])),
    },
  };
}

/** Nothing in a convolutional stem tells the image's size: it is LiteMedSAM's 256. */
function recogniseTinyViT(shape: ShapeOf, count: Count, whole: Whole): EncoderPart {
  const stages = 1 + count((index) => `image_encoder.layers.${index + 1}.blocks.0.attn.proj.weight`);
  const numbers = Array.from({ length: stages }, (_, stage) => stage);
  const stageOf = (stage: number) => `image_encoder.layers.${stage}`;
  const embedDims = numbers.map((stage) =>
    stage === 0
      ? shape("image_encoder.layers.0.blocks.0.conv1.c.weight", 4)[1]
      : shape(`${stageOf(stage)}.blocks.0.attn.proj.weight`, 2)[0],
  );
  const attention = numbers.slice(1).map((stage) => {
    const path = `${stageOf(stage)}.blocks.0.attn.attention_biases`;
    const [heads, cells] = shape(path, 2);
    whole(embedDims[stage] / heads, path, `with a number of rows that divides ${embedDims[stage]}`);
    return { heads, window: whole(Math.sqrt(cells), path, "with a square number of columns") };
  });
  const [firstHeads, firstWindow] = [2, 7]; // of the convolutional stage: never used
  return {
    imageSize: 256,
    patchSize: 4,
    imageEncoder: {
      type: "TinyViT",
      embedDims,
      depths: numbers.map((stage) =>
        count((index) => `${stageOf(stage)}.blocks.${index}.${stage === 0 ? "conv1.c" : "attn.proj"}.weight`),
      ),
      numHeads: [firstHeads, ...attention.map(({ heads }) => heads)],
      windowSizes: [firstWindow, ...attention.map(({ window }) => window)],
    },
  };
}
