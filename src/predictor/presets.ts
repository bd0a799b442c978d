import * as tf from "@tensorflow/tfjs";
import type { IntensityPreset } from "../image/intensity.js";
import type { PixelImage } from "../image/pixels.js";
import { resizeBilinear } from "../ops/resize.js";

/** How an image lies in the encoder's square input. */
export interface Frame {
  /** The image's own size in pixels. */
  readonly imageSize: readonly [height: number, width: number];
  /** The part of the input, from the top left corner, that holds the image. */
  readonly inputSize: readonly [height: number, width: number];
  /** Side of the input. */
  readonly side: number;
  /** From pixels of the image to pixels of the input, for prompts; by default the two sizes' ratio. */
  readonly promptScale?: number;
  /** Prompts are cut to whole pixels of the input. Default false. */
  readonly wholePixels?: boolean;
}

/** An image as the encoder takes it, and how it lies there. */
export interface PreparedImage {
  /** `side` x `side` x 3, row by row, as the encoder takes it. */
  readonly pixels: Float32Array;
  readonly frame: Frame;
}

/** What MedSAM2's scripts do around the memory of a model that has one, when they follow objects. */
export interface MemorySteps {
  /** Holes of at most so many pixels of the low-resolution masks are filled; 0 fills none. */
  readonly fillHoleArea: number;
  /** Memories of prompted frames are of masks as they are seen, 0 or 1, and not of probabilities. */
  readonly binarize: boolean;
  /** A single mask that is not stable gives way to the best of three. */
  readonly dynamicMultimask: boolean;
  /** Where objects overlap, the one with the highest logit alone has the pixel. */
  readonly nonOverlapMasks: boolean;
  /** Of volumes: what a box or points find in their slice becomes the prompt, as a mask. */
  readonly maskFirst: boolean;
  /** Of volumes: the largest piece of each object alone stays. */
  readonly largestPiece: boolean;
}

/**
 * What is done around the model: from a file's pixels to the encoder's input, and from logits to a mask. Named
 * after the upstream script that it reproduces.
 */
export interface Preset {
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  /**
   * Times the longer side of a prompt's box that the encoder is shown of the image, a square around the box. Default 0:
   * the whole image.
   */
  readonly crop?: number;
  /** Whether the weights that it belongs to learnt to give several masks for one prompt. Default false, as MedSAM's. */
  readonly multimask?: boolean;
  /** How stored values become 8 bits, the first step. */
  readonly intensity: IntensityPreset;
  /** The same for volumes that are not of 8 bits; default `usualIntensity`. */
  readonly volumeIntensity?: IntensityPreset;
  /** Of presets for following objects by memory. */
  readonly memory?: MemorySteps;
  /** The steps from an 8-bit RGB image to the encoder's input. Use `prepareImage`, which does both. */
  prepare(image: PixelImage & { readonly data: Uint8Array }, side: number): PreparedImage;
  /** Low-resolution logits [n, h, w] to maps of the image's size, [n, H, W]. */
  upsample(logits: tf.Tensor3D, frame: Frame): tf.Tensor;
  /** The mask is where the upsampled map is above this. */
  readonly threshold: number;
  /** Low-resolution logits are cut off here, on both sides, when they are given back. Default: not at all. */
  readonly lowResLimit?: number;
  /** The upsampled map as logits, positive inside the mask. */
  toLogits(map: tf.Tensor): tf.Tensor;
}

/** MedSAM turns logits into probabilities first and upsamples those; the result differs at edges. */
export const PROBABILITIES: Pick<Preset, "upsample" | "threshold" | "toLogits"> = {
  upsample: (logits, { imageSize }) => resizeBilinear(logits.sigmoid(), imageSize),
  threshold: 0.5,
  toLogits: (map) => tf.log(map.div(tf.sub(1, map))),
};

/** SAM upsamples the logits to its input, cuts the padding off, and resizes that to the image. */
export const LOGITS: Pick<Preset, "upsample" | "threshold" | "toLogits"> = {
  upsample: (logits, { imageSize, inputSize: [height, width], side }) => {
    const square = resizeBilinear(logits, [side, side]);
    return resizeBilinear(square.slice([0, 0, 0], [-1, height, width]), imageSize);
  },
  threshold: 0,
  toLogits: (map) => map,
};

/** SAM 2 resizes the logits to the image at once: its input is the whole image, made square. */
export const SQUARE_LOGITS: Pick<Preset, "upsample" | "threshold" | "toLogits"> = {
  upsample: (logits, { imageSize }) => resizeBilinear(logits, imageSize),
  threshold: 0,
  toLogits: (map) => map,
};
