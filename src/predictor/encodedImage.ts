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
  constructor(
    readonly image: EightBitImage,
    readonly encoded: Encoded | undefined,
  ) {}

  get bytes(): number {
    return (
      this.image.data.byteLength + (this.encoded === undefined ? 0 : featureBytes(this.encoded.features))
    );
  }

  dispose(): void {
    if (this.encoded !== undefined) disposeFeatures(this.encoded.features);
  }
}
