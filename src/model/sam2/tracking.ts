import * as tf from "@tensorflow/tfjs";
import { sinePositions } from "../../layers/sinePositions.js";
import { largest, positive } from "../../ops/choose.js";
import { resize, resizeBilinear } from "../../ops/resize.js";
import { gridSize } from "../config.js";
import type { ImageFeatures } from "../features.js";
import type { Prompts } from "../promptEncoder.js";
import type { MemoryTokens } from "./memoryAttention.js";
import type { Sam2 } from "./sam2.js";

// What SAM 2 does with one frame, given what earlier frames left: functions of tensors and plain values. B is the number
// of objects, S = 4·grid the side of the decoder's logits, C the width of the embedding, M that of memories.
// See sam2/modeling/sam2_base.py.

/** Logits of an object that is not in the frame. */
export const NO_OBJECT_LOGIT = -1024;
/** Mask values 0 to 1 as the memory encoder takes them, and a mask prompt as logits: `20·m - 10`. */
const MASK_SCALE = 20;
const MASK_BIAS = -10;
/** Points of a frame up to which the decoder is asked for several masks. A box counts two. */
const MULTIMASK_MOST_POINTS = 1;

/** What is found in a frame, for B objects. */
export type FrameMasks = Readonly<
  Record<
    /** [B, S, S], logits. */
    | "lowResMasks"
    /** [B], the expected overlap of each. */
    | "ious"
    /** [B, C]. */
    | "objPtrs"
    /** [B], positive where the object is in the frame. */
    | "objectScoreLogits",
    tf.Tensor
  >
>;

/** One memory of an earlier frame. */
export interface SpatialMemory {
  /** B · grid² · M numbers, object by object, row by row. */
  readonly features: Float32Array;
  /** Its place in time, a row of `maskmem_tpos_enc`: frames before for frames that were tracked, `numMaskmem` for prompted ones. */
  readonly framesAway: number;
}

/** One pointer of an earlier frame to each object. */
export interface PointerMemory {
  /** B · C numbers. */
  readonly pointers: Float32Array;
  /** How many frames earlier; negative for a frame that is still to come. */
  readonly framesAway: number;
}

/** What a frame is conditioned on, in the order in which it is attended to. */
export interface FrameMemory {
  readonly objects: number;
  readonly spatial: readonly SpatialMemory[];
  readonly pointers: readonly PointerMemory[];
  /** Frames by which distances of pointers are divided. */
  readonly pointerRange: number;
}

/** Whether several masks are asked for, and the best is taken, with so many points on a frame. @see `_use_multimask` */
export function usesMultimask(points: number): boolean {
  return points <= MULTIMASK_MOST_POINTS;
}

/**
 * Masks of a frame from its conditioned features and prompts. Without points an empty one stands for them.
 *
 * @param features embedding [1 or B, grid, grid, C], conditioned.
 * @param prompts points alone, boxes among them, and masks [B, S, S, 1].
 * @param dynamicMultimask whether a single mask that is not stable gives way to the best of three.
 * @see `_forward_sam_heads`
 */
export function forwardSamHeads(
  model: Sam2,
  features: ImageFeatures,
  prompts: Pick<Prompts, "pointCoords" | "pointLabels" | "maskInputs">,
  batch: number,
  multimaskOutput: boolean,
  dynamicMultimask = true,
): FrameMasks {
  return tf.tidy(() => {
    const {
      pointCoords = tf.zeros([batch, 1, 2]),
      pointLabels = tf.fill([batch, 1], -1),
      maskInputs,
    } = prompts;
    const asked = { pointCoords, pointLabels, maskInputs };
    const heads = model.runSamHeads(features, asked, multimaskOutput, dynamicMultimask);
    const { masks, iouPredictions, samTokensOut, objectScoreLogits } = heads;
    const [, count] = iouPredictions.shape;
    const best = largest(iouPredictions); // [B, M], 1 for the mask with the best score
    const isThere = positive(objectScoreLogits); // [B, 1]
    const chosen = masks.mul(best.reshape([batch, count, 1, 1])).sum(1); // [B, S, S]
    const token = samTokensOut.mul(best.expandDims(2)).sum(1); // [B, C]
    const pointers = model.objPtrProj.call(token);
    return {
      lowResMasks: chosen
        .mul(isThere.expandDims(2))
        .add(tf.sub(1, isThere.expandDims(2)).mul(NO_OBJECT_LOGIT)),
      ious: iouPredictions.mul(best).sum(1),
      objPtrs: gated(model, pointers, isThere),
      objectScoreLogits: objectScoreLogits.reshape([batch]),
    };
  });
}

/**
 * A mask that is given, as if it had been found: its logits are its values, its pointer is what the decoder makes of it.
 *
 * @param features of the frame, not conditioned.
 * @param masks [B, 16·grid, 16·grid, 1], 0 or 1.
 * @see `_use_mask_as_output`
 */
export function useMaskAsOutput(model: Sam2, features: ImageFeatures, masks: tf.Tensor): FrameMasks {
  return tf.tidy(() => {
    const [batch, side] = masks.shape;
    const logits = masks.mul(MASK_SCALE).add(MASK_BIAS).squeeze([3]);
    const maskInputs = model.maskDownsample.call(masks);
    const { objPtrs } = forwardSamHeads(model, features, { maskInputs }, batch, false);
    const isThere = positive(masks.reshape([batch, -1]).max(1, true)); // [B, 1]
    return {
      lowResMasks: resize(logits, [side / 4, side / 4], "bilinear antialiased"),
      ious: tf.ones([batch]),
      objPtrs: gated(model, objPtrs, isThere),
      objectScoreLogits: isThere.mul(MASK_SCALE).add(MASK_BIAS).reshape([batch]),
    };
  });
}

/** Pointers of the objects that are there; a learned one for the others. */
function gated(model: Sam2, pointers: tf.Tensor, isThere: tf.Tensor): tf.Tensor {
  return pointers.mul(isThere).add(tf.sub(1, isThere).mul(model.noObjPtr.value));
}

/**
 * A frame's embedding conditioned on what earlier frames left: [1, grid, grid, C] gives [B, grid, grid, C].
 *
 * @param memory `undefined` for a prompted frame that has not been tracked.
 * @see `_prepare_memory_conditioned_features`
 */
export function conditionOnMemory(
  model: Sam2,
  embedding: tf.Tensor,
  memory: FrameMemory | undefined,
): tf.Tensor {
  return tf.tidy(() => {
    if (memory === undefined) return embedding.add(model.noMemEmbed.value);
    const [, height, width, dim] = embedding.shape;
    const current = embedding.reshape([1, height * width, dim]).add(tf.zeros([memory.objects, 1, 1]));
    const positions = model.imageEncoder.neck.positionEncoding.call([height, width]);
    const conditioned = model.memoryAttention.call(
      current,
      positions.reshape([1, height * width, dim]),
      memoryTokens(model, memory),
    );
    return conditioned.reshape([memory.objects, height, width, dim]);
  });
}

/** Memories and pointers as the tokens that a frame attends to: memories first, each row by row. */
function memoryTokens(model: Sam2, { objects, spatial, pointers, pointerRange }: FrameMemory): MemoryTokens {
  const { config, memoryEncoder, maskmemTposEnc, objPtrTposProj } = model;
  const { outDim } = config.memoryEncoder;
  const grid = gridSize(config);
  const places = memoryEncoder.positionEncoding.call([grid, grid]).reshape([1, grid * grid, outDim]);
  const memory: tf.Tensor[] = [];
  const memoryPos: tf.Tensor[] = [];
  for (const { features, framesAway } of spatial) {
    const time = maskmemTposEnc.value.slice([framesAway - 1, 0, 0, 0], [1, 1, 1, outDim]);
    memory.push(tf.tensor3d(features, [objects, grid * grid, outDim]));
    memoryPos.push(places.add(time.reshape([1, 1, outDim])));
  }
  let numObjPtrTokens = 0;
  if (pointers.length > 0) {
    // A pointer is wider than a memory: it becomes several tokens, all at the same place in time.
    const parts = config.promptEmbedDim / outDim;
    numObjPtrTokens = pointers.length * parts;
    const stacked = pointers.map((p) => tf.tensor3d(p.pointers, [objects, parts, outDim]));
    const distances = pointers.map(({ framesAway }) => framesAway / pointerRange);
    const times = objPtrTposProj.call(sinePositions(distances, config.promptEmbedDim)); // [P, M]
    memory.push(tf.concat(stacked, 1));
    memoryPos.push(
      times
        .expandDims(1)
        .add(tf.zeros([1, parts, 1]))
        .reshape([1, numObjPtrTokens, outDim]),
    );
  }
  return { memory: tf.concat(memory, 1), memoryPos: tf.concat(memoryPos, 1), numObjPtrTokens };
}

/**
 * What a frame leaves for later ones: [B, grid, grid, M].
 *
 * @param embedding of the frame, [1, grid, grid, C], not conditioned.
 * @param lowResMasks [B, S, S], logits.
 * @param objectScoreLogits [B].
 * @param binarize take masks as they are seen, 0 or 1, as for prompted frames, and not the logits' probabilities.
 * @see `_encode_new_memory`
 */
export function encodeMemory(
  model: Sam2,
  embedding: tf.Tensor,
  lowResMasks: tf.Tensor,
  objectScoreLogits: tf.Tensor,
  binarize: boolean,
): tf.Tensor {
  return tf.tidy(() => {
    const { imageSize } = model.config;
    const logits = resizeBilinear(lowResMasks, [imageSize, imageSize]);
    const shares = binarize ? positive(logits) : logits.sigmoid();
    const memory = model.memoryEncoder.call(embedding, shares.mul(MASK_SCALE).add(MASK_BIAS).expandDims(3));
    const isAbsent = tf.sub(1, positive(objectScoreLogits)).reshape([-1, 1, 1, 1]);
    return memory.add(isAbsent.mul(model.noObjEmbedSpatial.value));
  });
}
