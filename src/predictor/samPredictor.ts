import * as tf from "@tensorflow/tfjs";
import { checkPixels, type PixelImage } from "../image/pixels.js";
import { gridSize } from "../model/config.js";
import type { Prompts } from "../model/promptEncoder.js";
import type { Sam } from "../model/sam.js";
import { checkPrompt } from "./checkPrompt.js";
import type { Frame, Preset } from "./presets.js";
import { MEDSAM_INFERENCE, prepareImage } from "./presetTable.js";
import type { Box, LogitMap, PredictOptions, Prediction, Prompt } from "./types.js";

/** For calls that may take long. */
export interface LongCall {
  /** Stops the call at its next step; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told the share done, in (0, 1]. */
  readonly onProgress?: (share: number) => void;
}

/** Bytes of decoder intermediates that one batch of prompts may take. */
const DECODER_BUDGET = 256 * 2 ** 20;

/**
 * Encodes an image once and predicts masks for many prompts. Calls may overlap: they run one after the other.
 *
 * @see segment_anything/predictor.py, `SamPredictor`; MedSAM's MedSAM_Inference.py
 */
export class SamPredictor {
  readonly preset: Preset;
  private encoded: { readonly features: tf.Tensor; readonly frame: Frame } | undefined;
  private last: Promise<unknown> = Promise.resolve();

  /** @param model stays the caller's to dispose. */
  constructor(
    readonly model: Sam,
    { preset = MEDSAM_INFERENCE }: { readonly preset?: Preset } = {},
  ) {
    this.preset = preset;
  }

  /**
   * Encodes an image for the predictions that follow. When it fails or is stopped, the former image stays.
   *
   * @throws RangeError when the model is disposed.
   */
  setImage(image: PixelImage, { signal, onProgress }: LongCall = {}): Promise<void> {
    return this.enqueue(async () => {
      this.assertAlive();
      const { pixels, frame } = prepareImage(this.preset, checkPixels(image), this.model.config.imageSize);
      const input = tf.tensor4d(pixels, [1, frame.side, frame.side, 3]);
      try {
        const features = await runSteps(this.model.imageEncoder.steps(input), { signal, onProgress });
        this.resetImage();
        this.encoded = { features, frame };
        onProgress?.(1);
      } finally {
        input.dispose();
      }
    });
  }

  /**
   * Masks for one prompt on the image.
   *
   * @throws PromptError when the prompt cannot be used; Error before `setImage`.
   */
  async predict(prompt: Prompt, options: PredictOptions = {}): Promise<Prediction> {
    const [prediction] = await this.enqueue(() => this.predictAll([prompt], options));
    return prediction;
  }

  /** One prediction a box, decoded in batches that fit memory. */
  predictBoxes(boxes: readonly Box[], options: PredictOptions & LongCall = {}): Promise<Prediction[]> {
    return this.enqueue(() =>
      this.predictAll(
        boxes.map((box) => ({ box })),
        options,
      ),
    );
  }

  /** Forgets the image and frees its embedding. */
  resetImage(): void {
    this.encoded?.features.dispose();
    this.encoded = undefined;
  }

  /** Frees what the predictor holds; the model stays. */
  dispose(): void {
    this.resetImage();
  }

  /** `prompts` all have the same parts, so that they fit one tensor each. */
  private async predictAll(
    prompts: readonly Prompt[],
    options: PredictOptions & LongCall,
  ): Promise<Prediction[]> {
    this.assertAlive();
    if (this.encoded === undefined) throw new Error("no image yet: call setImage(image) before predict(...)");
    const { features, frame } = this.encoded;
    const { config } = this.model;
    const [height, width] = frame.imageSize;
    const grid = gridSize(config);
    for (const prompt of prompts) checkPrompt(prompt, { width, height, maskSide: 4 * grid });

    // Keys, values and attention of the image side, and the upscaled maps, are each about grid²·C numbers.
    const bytesAPrompt = 4 * (24 * grid ** 2 * config.promptEmbedDim + 2 * width * height);
    const chunk = Math.max(1, Math.floor(DECODER_BUDGET / bytesAPrompt));
    const predictions: Prediction[] = [];
    for (let start = 0; start < prompts.length; start += chunk) {
      options.signal?.throwIfAborted();
      const part = prompts.slice(start, start + chunk);
      predictions.push(...(await this.decode(features, frame, part, options)));
      options.onProgress?.(predictions.length / prompts.length);
    }
    return predictions;
  }

  private async decode(
    features: tf.Tensor,
    frame: Frame,
    prompts: readonly Prompt[],
    { multimaskOutput = false, returnLogits = false }: PredictOptions,
  ): Promise<Prediction[]> {
    const { preset } = this;
    const tensors = tf.tidy(() => {
      const decoded = this.model.decode(features, promptTensors(prompts, frame), multimaskOutput);
      const low = decoded.masks; // [B, M, 4·grid, 4·grid]
      const [batch, count, side] = low.shape;
      const maps = preset.upsample(low.reshape([batch * count, side, side]), frame); // [B·M, H, W]
      return {
        low,
        scores: decoded.iouPredictions, // [B, M]
        masks: maps.greater(preset.threshold),
        logits: returnLogits ? preset.toLogits(maps) : undefined,
      };
    });
    try {
      const [, count, side] = tensors.low.shape;
      const [height, width] = frame.imageSize;
      const [low, scores, masks, logits] = await Promise.all([
        tensors.low.data<"float32">(),
        tensors.scores.data<"float32">(),
        tensors.masks.data<"bool">(),
        tensors.logits?.data<"float32">(),
      ]);
      const size = { width, height };
      return prompts.map((_, prompt) => {
        const candidates = Array.from({ length: count }, (_, candidate) => prompt * count + candidate);
        return {
          masks: candidates.map((n) => ({ ...size, data: Uint8Array.from(piece(masks, n, width * height)) })),
          scores: candidates.map((n) => scores[n]),
          lowResLogits: candidates.map((n) => ({
            width: side,
            height: side,
            data: piece(low, n, side * side),
          })),
          ...(logits && {
            logits: candidates.map((n): LogitMap => ({ ...size, data: piece(logits, n, width * height) })),
          }),
        };
      });
    } finally {
      tf.dispose(tensors);
    }
  }

  private assertAlive(): void {
    if (this.model.isDisposed) throw new RangeError("the model is disposed; load it again");
  }

  private enqueue<T>(task: () => Promise<T>): Promise<T> {
    const run = this.last.then(task);
    this.last = run.catch(() => undefined);
    return run;
  }
}

/** Drives the encoder's steps, giving the event loop a turn between them. */
async function runSteps(
  steps: Generator<number, tf.Tensor>,
  { signal, onProgress }: LongCall,
): Promise<tf.Tensor> {
  try {
    for (;;) {
      signal?.throwIfAborted();
      const step = steps.next();
      if (step.done) return step.value;
      onProgress?.(step.value);
      await new Promise((resolve) => setTimeout(resolve));
    }
  } finally {
    // Frees the activation when the loop was left early; nothing to do when it ended.
    steps.return(undefined as never);
  }
}

/** The prompts as tensors in the frame of the encoder's input. */
function promptTensors(prompts: readonly Prompt[], { imageSize, inputSize }: Frame): Prompts {
  const batch = prompts.length;
  const [scaleY, scaleX] = [inputSize[0] / imageSize[0], inputSize[1] / imageSize[1]];
  const [{ pointCoords, box, maskInput }] = prompts;
  const points = pointCoords?.length ?? 0;
  const scaled = (coordinates: readonly number[]) =>
    coordinates.map((c, n) => c * (n % 2 === 0 ? scaleX : scaleY));
  return {
    ...(points > 0 && {
      pointCoords: tf.tensor(scaled(prompts.flatMap((p) => (p.pointCoords ?? []).flat())), [
        batch,
        points,
        2,
      ]),
      pointLabels: tf.tensor(
        prompts.flatMap((p) => p.pointLabels ?? []),
        [batch, points],
      ),
    }),
    ...(box && { boxes: tf.tensor(scaled(prompts.flatMap((p) => p.box ?? [])), [batch, 4]) }),
    ...(maskInput && {
      maskInputs: tf.tensor4d(maskInput.data, [batch, maskInput.height, maskInput.width, 1]),
    }),
  };
}

/** Part `n` of a list of equal parts. */
function piece<T extends Float32Array | Uint8Array>(all: T, n: number, length: number): T {
  return all.slice(n * length, (n + 1) * length) as T;
}
