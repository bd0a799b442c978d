import type * as tf from "@tensorflow/tfjs";
import type { Region } from "../image/crop.js";
import type { Frame } from "./presets.js";
import type { EightBitImage } from "./presetTable.js";

/** What the encoder saw of an image. */
export interface Encoded {
  readonly features: tf.Tensor;
  readonly frame: Frame;
  readonly region: Region;
  readonly whole: Region;
}

/** An image with its embedding, taken out of a predictor to be put back later. Its taker frees it. */
export interface EncodedImage {
  /** Of image and embedding. */
  readonly bytes: number;
  /** Frees the embedding; the image cannot be put back afterwards. */
  dispose(): void;
}

/** What `SamPredictor` gives out as one. */
export class TakenImage implements EncodedImage {
  constructor(
    readonly image: EightBitImage,
    readonly encoded: Encoded | undefined,
  ) {}

  get bytes(): number {
    return this.image.data.byteLength + 4 * (this.encoded?.features.size ?? 0);
  }

  dispose(): void {
    this.encoded?.features.dispose();
  }
}
