import * as tf from "@tensorflow/tfjs";
import { cropImage, isSameRegion, pasteInto, wholeOf, type Region } from "../image/crop.js";
import { checkPixels, type PixelImage } from "../image/pixels.js";
import { LayerShapeError } from "../layers/layer.js";
import { gridSize } from "../model/config.js";
import { disposeFeatures, featuresFrom, featureSize, featureValues } from "../model/features.js";
import { assertHalves, type PromptableModel } from "../model/promptableModel.js";
import { checkPrompt } from "./checkPrompt.js";
import { EmbeddingKeys, type EmbeddingCache } from "./embeddingCache.js";
import { TakenImage, type Encoded, type EncodedImage } from "./encodedImage.js";
import { runSteps, type LongCall } from "./longCall.js";
import type { Preset } from "./presets.js";
import { defaultPreset, toEightBit, type EightBitImage } from "./presetTable.js";
import { promptTensors } from "./promptTensors.js";
import { seenRegion } from "./seenRegion.js";
import { Turns } from "./turns.js";
import type { Box, LogitMap, PredictOptions, Prediction, Prompt } from "./types.js";

/** What is done around the model, and what part of the image it sees. */
export interface PredictorOptions {
  /** Default: the one that belongs to the model, see `defaultPreset`. */
  readonly preset?: Preset;
  /**
   * Show the encoder a square around each prompt's box, of this many times the box's longer side; 0 shows the whole
   * image. With a crop, `setImage` encodes nothing: `predict` encodes each new box, and the whole image for a prompt
   * without a box. Default: the preset's, which is 2 for the weights in the package and 0 for all others.
   */
  readonly crop?: number;
  /** Where features are looked for before they are computed, and kept. The model's weights must then stay as they are. */
  readonly cache?: EmbeddingCache;
}

/** Bytes of decoder intermediates that one batch of prompts may take. */
const DECODER_BUDGET = 256 * 2 ** 20;

/**
 * Encodes an image once and predicts masks for many prompts. Calls may overlap: all of them, whichever method, run one
 * after the other, in the order in which they were made.
 *
 * @see segment_anything/predictor.py, `SamPredictor`; MedSAM's MedSAM_Inference.py
 */
export class SamPredictor {
  readonly preset: Preset;
  readonly crop: number;
  private image: EightBitImage | undefined;
  private encoded: Encoded | undefined;
  private readonly turns = new Turns("the predictor is disposed; make another with new SamPredictor(model)");
  private readonly cache: EmbeddingCache | undefined;
  private keys: EmbeddingKeys;

  /**
   * @param model stays the caller's to dispose.
   * @throws RangeError for a `crop` other than 0 that is below 1.
   */
  constructor(
    readonly model: PromptableModel,
    { preset = defaultPreset(model.config), crop = preset.crop ?? 0, cache }: PredictorOptions = {},
  ) {
    assertHalves(model);
    if (!(crop === 0 || (crop >= 1 && Number.isFinite(crop))))
      throw new RangeError(`crop is ${crop}; expected at least 1, the times of the box's longer side, or 0`);
    this.preset = preset;
    this.crop = crop;
    this.cache = cache;
    this.keys = new EmbeddingKeys(model, preset);
  }

  /** A predictor of the same model and options, with an image of its own. */
  another(): SamPredictor {
    this.turns.assertOpen();
    const { model, preset, crop, cache } = this;
    const other = new SamPredictor(model, { preset, crop, cache });
    other.keys = this.keys;
    return other;
  }

  /**
   * Encodes an image for the predictions that follow; with a `crop` each of them encodes what it needs. When it fails or
   * is stopped, the former image stays.
   *
   * @throws RangeError when the model or the predictor is disposed, as `predict`.
   */
  setImage(image: PixelImage, call: LongCall = {}): Promise<void> {
    return this.turns.run(async () => {
      this.assertAlive();
      const bytes = toEightBit(this.preset, checkPixels(image));
      const encoded = this.crop === 0 ? await this.encode(bytes, wholeOf(bytes), call) : undefined;
      this.hold(bytes, encoded);
      call.onProgress?.(1);
    });
  }

  /**
   * Masks for one prompt on the image.
   *
   * @throws PromptError when the prompt cannot be used; Error before `setImage`.
   */
  async predict(prompt: Prompt, options: PredictOptions & LongCall = {}): Promise<Prediction> {
    const [prediction] = await this.turns.run(() => this.predictAll([prompt], options));
    return prediction;
  }

  /** One prediction a box, decoded in batches that fit memory. */
  predictBoxes(boxes: readonly Box[], options: PredictOptions & LongCall = {}): Promise<Prediction[]> {
    return this.turns.run(() =>
      this.predictAll(
        boxes.map((box) => ({ box })),
        options,
      ),
    );
  }

  /** Takes the image out with its features, so that another can come; `undefined` when there is none. */
  takeImage(): Promise<EncodedImage | undefined> {
    return this.turns.run(() => {
      const taken = this.image && new TakenImage(this.image, this.encoded);
      this.image = this.encoded = undefined;
      return taken;
    });
  }

  /**
   * Goes on with an image that `takeImage` of a predictor with the same model and options gave, without encoding. It is
   * this predictor's from then on.
   *
   * @throws TypeError for anything else, and for an image that was put back before, or disposed.
   */
  putImage(taken: EncodedImage): Promise<void> {
    return this.turns.run(() => {
      if (!(taken instanceof TakenImage)) throw new TypeError("the image was not taken out of a predictor");
      const { image, encoded } = taken.give();
      this.hold(image, encoded);
    });
  }

  /** Forgets the image and frees its features. */
  resetImage(): Promise<void> {
    return this.turns.run(() => this.hold(undefined, undefined));
  }

  /**
   * Frees what the predictor holds, after the calls made before, which still get their results; the model stays. Calls
   * made from now on are refused.
   */
  dispose(): Promise<void> {
    return this.turns.close(() => this.hold(undefined, undefined));
  }

  /** `prompts` all have the same parts, so that they fit one tensor each. */
  private async predictAll(
    asked: readonly Prompt[],
    options: PredictOptions & LongCall,
  ): Promise<Prediction[]> {
    this.assertAlive();
    const { image } = this;
    if (image === undefined) throw new Error("no image yet: call setImage(image) before predict(...)");
    const maskSide = 4 * gridSize(this.model.config);
    const prompts = asked.map((prompt) => checkPrompt(prompt, { ...wholeOf(image), maskSide }));
    const regions = prompts.map((prompt) => seenRegion(prompt, this.crop, image));

    const predictions: Prediction[] = [];
    while (predictions.length < prompts.length) {
      options.signal?.throwIfAborted();
      const start = predictions.length;
      const encoded = await this.encodedRegion(image, regions[start], {
        signal: options.signal,
        onProgress: (share) => options.onProgress?.((start + share) / prompts.length),
      });
      const [height, width] = encoded.frame.imageSize;
      // Keys, values and attention of the image side, and the upscaled maps, are each about grid²·C numbers.
      const bytesAPrompt = (24 * maskSide ** 2 * this.model.config.promptEmbedDim) / 4 + 8 * width * height;
      const most = Math.max(1, Math.floor(DECODER_BUDGET / bytesAPrompt));
      const others = regions.findIndex((region, n) => n > start && !isSameRegion(region, regions[start]));
      const part = prompts.slice(start, Math.min(start + most, others < 0 ? prompts.length : others));
      predictions.push(...(await this.decode(encoded, part, options)));
      options.onProgress?.(predictions.length / prompts.length);
    }
    return predictions;
  }

  /** The features of a region: the last ones when they are of the same. */
  private async encodedRegion(image: EightBitImage, region: Region, call: LongCall): Promise<Encoded> {
    if (this.encoded !== undefined && isSameRegion(this.encoded.region, region)) return this.encoded;
    const encoded = await this.encode(image, region, call);
    this.hold(image, encoded);
    return encoded;
  }

  private async encode(
    image: EightBitImage,
    region: Region,
    { signal, onProgress }: LongCall,
  ): Promise<Encoded> {
    const whole = wholeOf(image);
    const part = isSameRegion(region, whole) ? image : (cropImage(image, region) as EightBitImage);
    const { pixels, frame } = this.preset.prepare(part, this.model.config.imageSize);
    const key = this.cache && (await this.keys.of(part, () => pixels));
    const known = key === undefined ? undefined : await this.cache?.get(key);
    const { featureShapes } = this.model;
    if (known?.length === featureSize(featureShapes))
      return { features: featuresFrom([known], featureShapes), frame, region, whole };
    const input = tf.tensor4d(pixels, [1, frame.side, frame.side, 3]);
    try {
      const features = await runSteps(this.model.encodeInSteps(input), { signal, onProgress });
      if (key !== undefined)
        try {
          await this.cache?.set(key, await featureValues(features));
        } catch (error) {
          disposeFeatures(features);
          throw error;
        }
      return { features, frame, region, whole };
    } catch (error) {
      throw error instanceof LayerShapeError ? error.within(this.model) : error;
    } finally {
      input.dispose();
    }
  }

  private async decode(
    { features, frame, region, whole }: Encoded,
    prompts: readonly Prompt[],
    { multimaskOutput = false, returnLogits = false }: PredictOptions,
  ): Promise<Prediction[]> {
    const { preset } = this;
    const { lowResLimit: limit = Infinity } = preset;
    const held: tf.Tensor[] = [];
    try {
      const decoded = tf.tidy(() =>
        this.model.decode(features, promptTensors(prompts, frame, region), multimaskOutput),
      );
      held.push(decoded.masks, decoded.iouPredictions); // [B, M, 4·grid, 4·grid], [B, M]
      const [batch, count, side] = decoded.masks.shape;
      const flat = decoded.masks.reshape<tf.Tensor3D>([batch * count, side, side]);
      held.push(flat);
      const refined = await this.refined(flat);
      held.push(refined);
      const wide = tf.tidy(() => {
        const maps = preset.upsample(refined, frame); // [B·M, H, W]
        return {
          masks: maps.greater(preset.threshold),
          logits: returnLogits ? preset.toLogits(maps) : undefined,
        };
      });
      held.push(wide.masks, ...(wide.logits === undefined ? [] : [wide.logits]));
      const [height, width] = frame.imageSize;
      const [low, scores, masks, logits] = await Promise.all([
        flat.data<"float32">(),
        decoded.iouPredictions.data<"float32">(),
        wide.masks.data<"bool">(),
        wide.logits?.data<"float32">(),
      ]);
      const size = { width: whole.width, height: whole.height };
      const place = <T extends Float32Array | Uint8Array>(values: T, fill: number) =>
        isSameRegion(whole, region) ? values : pasteInto(values, region, size, fill);
      return prompts.map((_, prompt) => {
        const each = <T>(make: (n: number) => T) =>
          Array.from({ length: count }, (_, candidate) => make(prompt * count + candidate)) as [T, ...T[]];
        return {
          masks: each((n) => ({
            ...size,
            data: place(Uint8Array.from(piece(masks, n, width * height)), 0),
          })),
          scores: each((n) => scores[n]),
          lowResLogits: each((n) => ({
            width: side,
            height: side,
            data: piece(low, n, side * side).map((logit) => Math.max(-limit, Math.min(limit, logit))),
            ...(!isSameRegion(whole, region) && { region }),
          })),
          ...(logits && {
            logits: each((n): LogitMap => ({
              ...size,
              data: place(piece(logits, n, width * height), -Infinity),
            })),
          }),
        };
      });
    } finally {
      tf.dispose(held);
    }
  }

  /** Low-resolution logits [n, h, w] as masks are made of them; a tensor of its own. For subclasses. */
  protected refined(logits: tf.Tensor3D): tf.Tensor3D | Promise<tf.Tensor3D> {
    return logits.clone();
  }

  /** Takes the place of what was held before. */
  private hold(image: EightBitImage | undefined, encoded: Encoded | undefined): void {
    if (this.encoded !== undefined) disposeFeatures(this.encoded.features);
    this.image = image;
    this.encoded = encoded;
  }

  private assertAlive(): void {
    if (this.model.isDisposed) throw new RangeError("the model is disposed; load it again");
  }
}

/** Part `n` of a list of equal parts. */
function piece<T extends Float32Array | Uint8Array>(all: T, n: number, length: number): T {
  return all.slice(n * length, (n + 1) * length) as T;
}
