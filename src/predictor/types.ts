import type { Region } from "../image/crop.js";
import type { Mask } from "../image/mask.js";

export type { Mask };

/** A point of an image in pixels, `[x, y]`, the top left corner of the image at (0, 0). */
export type Point = readonly [x: number, y: number];

/** A box in pixels: left, top, right, bottom. */
export type Box = readonly [x0: number, y0: number, x1: number, y1: number];

/** What to segment: any mix of points, one box, and the logits of an earlier prediction. */
export interface Prompt {
  readonly pointCoords?: readonly Point[];
  /** One a point: 1 foreground, 0 background. */
  readonly pointLabels?: readonly (0 | 1)[];
  readonly box?: Box;
  /** `lowResLogits` of an earlier prediction: one mask of it. */
  readonly maskInput?: LogitMap;
}

/** Logits on a grid, row by row. */
export interface LogitMap {
  /** The part of the image that the grid lies on; absent where it lies on the whole image. */
  readonly region?: Region;
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** A list with at least one item. */
export type AtLeastOne<T> = readonly [T, ...T[]];

/** Candidates for one prompt: one, or with `multimaskOutput` several, the same order in all lists. */
export interface Prediction {
  /** Masks of the image's size. */
  readonly masks: AtLeastOne<Mask>;
  /** The model's own estimate of each mask's overlap with the object. */
  readonly scores: AtLeastOne<number>;
  /** What the decoder gave, to feed back as `maskInput`. */
  readonly lowResLogits: AtLeastOne<LogitMap>;
  /** With `returnLogits`: maps of the image's size whose positive values are the mask. */
  readonly logits?: AtLeastOne<LogitMap>;
}

/** What `predict` gives besides one mask. */
export interface PredictOptions {
  /** Several candidates instead of one; for ambiguous prompts, and weights that learnt to give them, as SAM's. Default false, as MedSAM is used. */
  readonly multimaskOutput?: boolean;
  /** Give the maps before thresholding too. Default false. */
  readonly returnLogits?: boolean;
}

/** A prompt that cannot be used: says which, what was expected and what came. */
export class PromptError extends Error {
  override name = "PromptError";
}
