import * as tf from "@tensorflow/tfjs";
import { fillHoles, removeSprinkles } from "../image/holes.js";
import type { Sam2 } from "../model/sam2/sam2.js";
import type { LongCall } from "./longCall.js";
import { SAM2_IMAGE_PREDICTOR } from "./presetTable.js";
import { SamPredictor, type PredictorOptions } from "./samPredictor.js";
import type { Box, PredictOptions, Prediction, Prompt } from "./types.js";

/** What is done around the model. */
export interface Sam2ImageOptions extends PredictorOptions {
  /** Holes of at most so many pixels of the low-resolution masks are filled. Default 0, none. */
  readonly maxHoleArea?: number;
  /** Pieces of at most so many pixels of the low-resolution masks are taken away. Default 0, none. */
  readonly maxSprinkleArea?: number;
}

/** What a hole is filled with, and the negative of what a piece is replaced by. */
const CLEAR_LOGIT = 10;

/**
 * SAM 2 on single images: a `SamPredictor` that gives several candidates unless told otherwise.
 *
 * @see sam2/sam2_image_predictor.py, `SAM2ImagePredictor`
 */
export class Sam2ImagePredictor extends SamPredictor {
  private readonly maxHoleArea: number;
  private readonly maxSprinkleArea: number;

  constructor(model: Sam2, options: Sam2ImageOptions = {}) {
    super(model, { preset: SAM2_IMAGE_PREDICTOR, ...options });
    this.maxHoleArea = options.maxHoleArea ?? 0;
    this.maxSprinkleArea = options.maxSprinkleArea ?? 0;
  }

  override predict(prompt: Prompt, options: PredictOptions & LongCall = {}): Promise<Prediction> {
    return super.predict(prompt, { multimaskOutput: true, ...options });
  }

  override predictBoxes(
    boxes: readonly Box[],
    options: PredictOptions & LongCall = {},
  ): Promise<Prediction[]> {
    return super.predictBoxes(boxes, { multimaskOutput: true, ...options });
  }

  protected override async refined(logits: tf.Tensor3D): Promise<tf.Tensor3D> {
    const { maxHoleArea, maxSprinkleArea } = this;
    if (maxHoleArea <= 0 && maxSprinkleArea <= 0) return logits.clone();
    const [count, height, width] = logits.shape;
    const size = { width, height };
    const values = Float32Array.from(await logits.data<"float32">());
    for (let n = 0; n < count; n++) {
      const map = values.subarray(n * width * height, (n + 1) * width * height);
      // Upstream finds both in the map as it was.
      const filled = fillHoles(map, size, maxHoleArea, CLEAR_LOGIT);
      const swept = removeSprinkles(map, size, maxSprinkleArea, -CLEAR_LOGIT);
      map.set(filled.map((value, i) => (swept[i] === map[i] ? value : swept[i])));
    }
    return tf.tensor3d(values, logits.shape);
  }
}
