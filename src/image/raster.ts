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
  readonly data: Samples;
  /** RGB of each index, where the samples are indices. */
  readonly palette?: Uint8Array;
  /** Low values are bright (TIFF's WhiteIsZero). */
  readonly inverted?: boolean;
}
