import * as tf from "@tensorflow/tfjs";
import type { PixelImage } from "../image/pixels.js";
import type { Sam } from "../model/sam.js";
import {
  embeddingKey,
  embeddingShape,
  weightsDigest,
  type EmbeddingCache,
} from "../predictor/embeddingCache.js";
import type { Preset } from "../predictor/presets.js";
import { toEightBit } from "../predictor/presetTable.js";

/** Embeddings of images by an encoder that does not train: computed once, as long as the cache keeps them. */
export class FrozenEncoder {
  private constructor(
    private readonly model: Sam,
    private readonly preset: Preset,
    private readonly cache: EmbeddingCache,
    private readonly weights: string,
  ) {}

  static async of(model: Sam, preset: Preset, cache: EmbeddingCache): Promise<FrozenEncoder> {
    const weights = await weightsDigest(model.imageEncoder.namedParameters());
    return new FrozenEncoder(model, preset, cache, weights);
  }

  /** @param pixels gives the encoder's input, when it is needed. */
  async embed(image: PixelImage, pixels: () => Float32Array): Promise<Float32Array> {
    const key = await embeddingKey(this.weights, this.model, this.preset, toEightBit(this.preset, image));
    const known = await this.cache.get(key);
    const [h, w, c] = embeddingShape(this.model);
    if (known?.length === h * w * c) return known;
    const embedding = tf.tidy(() => {
      const side = this.model.config.imageSize;
      return this.model.imageEncoder.call(tf.tensor4d(pixels(), [1, side, side, 3]));
    });
    const values = Float32Array.from(await embedding.data<"float32">());
    embedding.dispose();
    await this.cache.set(key, values);
    return values;
  }
}
