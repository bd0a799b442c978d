import type { Samples } from "./pixels.js";

/**
 * What the readers of PNG, JPEG and TIFF give: samples as stored, alpha dropped. `decode.ts` makes an image or a
 * label map of it.
 */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  /** Bits of a stored sample. */
  readonly depth: number;
  /** Doubles where single precision would change values: they become it in an image, labels are checked first. */
  readonly data: Samples | Float64Array;
  /** RGB of each index, where the samples are indices. */
  readonly palette?: Uint8Array;
  /** Low values are bright (TIFF's WhiteIsZero). */
  readonly inverted?: boolean;
  /** Values are not exactly what was saved (JPEG). */
  readonly lossy?: boolean;
  /** What a person should know before using it, one sentence each. */
  readonly warnings?: readonly string[];
}
