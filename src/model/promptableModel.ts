import type * as tf from "@tensorflow/tfjs";
import { keeps } from "../layers/exactly.js";
import { Layer, type AnyLayer } from "../layers/layer.js";
import type { Parameter } from "../weights/paramScope.js";
import type { ModelConfig } from "./config.js";
import type { FeatureShapes, ImageFeatures } from "./features.js";
import type { MaskPredictions } from "./maskDecoder.js";
import type { Prompts } from "./promptEncoder.js";

/** Images and prompts of a forward pass. */
export interface PromptableInput extends Prompts {
  /** [1 or B, S, S, 3], preprocessed: one image for all prompts, or one a prompt. */
  readonly images: tf.Tensor;
  readonly multimaskOutput: boolean;
}

/**
 * A model that segments single images by prompts, in two halves: images to features, features and prompts to masks.
 * Predictor, training and page need no more of a model, whatever its family.
 */
export abstract class PromptableModel extends Layer<[input: PromptableInput], MaskPredictions> {
  abstract readonly config: ModelConfig;
  abstract readonly imageEncoder: AnyLayer;

  /** Shapes of what `encode` gives of one image. */
  abstract get featureShapes(): FeatureShapes;
  /**
   * The parameters that `encode` computes with, by state_dict path: as long as they stay, so do an image's features.
   */
  abstract encodingParameters(): Map<string, Parameter>;
  /** Preprocessed images [B, S, S, 3] to their features. */
  abstract encode(images: tf.Tensor): ImageFeatures;
  /** `encode`, pausing after each block: yields the share done. Leaving early frees what was computed. */
  abstract encodeInSteps(images: tf.Tensor): Generator<number, ImageFeatures>;
  /**
   * Features and prompts in the frame of the encoder's input to low-resolution logits, [B, M, 4·grid, 4·grid]: B
   * prompts, on one image or on one each. The features stay the caller's.
   */
  abstract decode(features: ImageFeatures, prompts: Prompts, multimaskOutput: boolean): MaskPredictions;

  forward({ images, multimaskOutput, ...prompts }: PromptableInput): MaskPredictions {
    return this.decode(this.encode(images), prompts, multimaskOutput);
  }
}

const isInHalves = keeps(PromptableModel, "forward", "call");

/**
 * For what runs the two halves by themselves.
 *
 * @throws TypeError for a model with a `forward` or `call` of its own, which would be passed over.
 */
export function assertHalves(model: PromptableModel): void {
  if (!isInHalves(model))
    throw new TypeError(
      `${model.constructor.name} has a forward or call of its own; predicting and training run encode and decode by ` +
        "themselves, so override these, or put layers into the model's fields",
    );
}
