import * as tf from "@tensorflow/tfjs";
import type { Prompts } from "../model/promptEncoder.js";
import { mapFeatures, type ImageFeatures } from "../model/features.js";
import { assertHalves, type PromptableModel } from "../model/promptableModel.js";
import { resizeBilinear } from "../ops/resize.js";
import { medsamLoss, samLoss } from "./losses.js";
import type { PromptKind, SamplePrompt } from "./sample.js";

/** What a step computes with: B images, P objects of each. */
export interface TrainingBatch {
  /** Preprocessed, [B, S, S, 3]; or their features, where the encoder is frozen. */
  readonly images: tf.Tensor | ImageFeatures;
  /** Of all B·P objects, those of one image side by side, in the encoder's frame. */
  readonly prompts: Prompts;
  /** 0 and 1, [B·P, 1, S, S]. */
  readonly target: tf.Tensor;
  /** Several masks of each prompt compete, as SAM trains ambiguous ones; only for SAM's loss. Default false. */
  readonly multimask?: boolean;
  /** What messages call its images. */
  readonly cases?: readonly string[];
}

/**
 * Loss of a batch as MedSAM computes it: one forward pass, the logits brought to the input's size by bilinear
 * interpolation, the loss there. A scalar with gradients.
 *
 * @see MedSAM's train_one_gpu.py, `MedSAM.forward`
 */
export function batchLoss(
  model: PromptableModel,
  batch: TrainingBatch,
  loss: "medsam" | "sam" = "medsam",
): tf.Scalar {
  assertHalves(model);
  return tf.tidy(() => {
    const { images, prompts, target, multimask = false } = batch;
    const features = images instanceof tf.Tensor ? model.encode(images) : images;
    const shared = mapFeatures(features, (map) => repeated(map, target.shape[0]));
    const decoded = model.decode(shared, prompts, multimask);
    const logits = resizeBilinear(decoded.masks, [target.shape[2] ?? 0, target.shape[3] ?? 0]);
    if (loss === "medsam") return medsamLoss(logits, target);
    return samLoss({ logits, iouPredictions: decoded.iouPredictions, target });
  });
}

/** Each map as often as its image has objects: [B, h, w, C] gives [count, h, w, C]. */
function repeated(maps: tf.Tensor, count: number): tf.Tensor {
  const [images, height, width, channels] = maps.shape;
  if (count === images) return maps;
  // By an addition, whose gradient is a plain sum.
  return maps
    .reshape([images, 1, -1])
    .add(tf.zeros([1, count / images, 1]))
    .reshape([count, height, width, channels]);
}

/** Prompts of one kind as tensors. */
export function promptBatch(prompts: readonly SamplePrompt[], kind: PromptKind): Prompts {
  const count = prompts.length;
  if (kind === "box")
    return {
      boxes: tf.tensor2d(
        prompts.flatMap(({ box }) => [...box]),
        [count, 4],
      ),
    };
  return {
    pointCoords: tf.tensor3d(
      prompts.flatMap(({ point }) => [point.x, point.y]),
      [count, 1, 2],
    ),
    pointLabels: tf.tensor2d(
      prompts.map(({ point }) => point.label),
      [count, 1],
    ),
  };
}

/** Targets of prompts, [n, 1, S, S]. */
export function targetBatch(prompts: readonly SamplePrompt[]): tf.Tensor {
  return tf.tidy(() =>
    tf
      .stack(
        prompts.map(({ target: { width, height, data } }) => tf.tensor2d(data, [height, width], "int32")),
      )
      .cast("float32")
      .expandDims(1),
  );
}
