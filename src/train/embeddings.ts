import * as tf from "@tensorflow/tfjs";
import type { PixelImage } from "../image/pixels.js";
import { disposeFeatures, featureSize, featureValues } from "../model/features.js";
import type { PromptableModel } from "../model/promptableModel.js";
import { EmbeddingKeys, type EmbeddingCache } from "../predictor/embeddingCache.js";
import type { Preset } from "../predictor/presets.js";
import { toEightBit } from "../predictor/presetTable.js";

/** Features of images by an encoder that does not train: computed once, as long as the cache keeps them. */
export class FrozenEncoder {
  private readonly keys: EmbeddingKeys;

  constructor(
    private readonly model: PromptableModel,
    private readonly preset: Preset,
    private readonly cache: EmbeddingCache,
  ) {
    this.keys = new EmbeddingKeys(model, preset);
  }

  /**
   * Features of one image as numbers (see `featureValues`).
   *
   * @param pixels gives the encoder's input, when it is needed.
   */
  async embed(image: PixelImage, pixels: () => Float32Array): Promise<Float32Array> {
    const key = await this.keys.of(toEightBit(this.preset, image), pixels);
    const known = await this.cache.get(key);
    if (known?.length === featureSize(this.model.featureShapes)) return known;
    const side = this.model.config.imageSize;
    const input = tf.tensor4d(pixels(), [1, side, side, 3]);
    const features = this.model.encode(input);
    input.dispose();
    try {
      const values = await featureValues(features);
      await this.cache.set(key, values);
      return values;
    } finally {
      disposeFeatures(features);
    }
  }
}
