import type { Region } from "../image/crop.js";
import { disposeFeatures, featureBytes, type ImageFeatures } from "../model/features.js";
import type { Frame } from "./presets.js";
import type { EightBitImage } from "./presetTable.js";

/** What the encoder saw of an image. */
export interface Encoded {
  readonly features: ImageFeatures;
  readonly frame: Frame;
  readonly region: Region;
  readonly whole: Region;
}

/** An image with its features, taken out of a predictor to be put back later. Its taker frees it. */
export interface EncodedImage {
  /** Of image and features. */
  readonly bytes: number;
  /** Frees the features; the image cannot be put back afterwards. */
  dispose(): void;
}

/** What `SamPredictor` gives out as one. */
export class TakenImage implements EncodedImage {
  readonly bytes: number;
  private held: { readonly image: EightBitImage; readonly encoded: Encoded | undefined } | undefined;

  constructor(image: EightBitImage, encoded: Encoded | undefined) {
    this.held = { image, encoded };
    this.bytes = image.data.byteLength + (encoded === undefined ? 0 : featureBytes(encoded.features));
  }

  /**
   * What it holds, which is the caller's from then on.
   *
   * @throws TypeError when it holds nothing any more.
   */
  give() {
    const { held } = this;
    if (held === undefined) throw new TypeError("the image was put back before, or disposed");
    this.held = undefined;
    return held;
  }

  dispose(): void {
    if (this.held?.encoded !== undefined) disposeFeatures(this.held.encoded.features);
    this.held = undefined;
  }
}
