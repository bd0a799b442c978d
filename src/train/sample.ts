import { cropImage, cropMask, regionAround } from "../image/crop.js";
import { maskBox, type Mask } from "../image/mask.js";
import type { PixelImage } from "../image/pixels.js";
import { resizeNearest } from "../image/resizeNearest.js";
import type { Frame, Preset } from "../predictor/presets.js";
import { prepareImage } from "../predictor/presetTable.js";
import type { TrainingCase } from "./cases.js";
import { flipImage, flipMask, randomFlip } from "./flips.js";
import { firstPoint, jitterBox, type PointPrompt, type PromptBox } from "./prompts.js";
import type { Random } from "./random.js";

/** What a step shows the model of its objects. */
export type PromptKind = "box" | "point";

export interface SampleOptions {
  /** How images become the encoder's input. */
  readonly preset: Preset;
  /** Side of that input. */
  readonly side: number;
  /** Objects of one image that a step learns from; one that has fewer gives some of them more than once. */
  readonly promptsPerImage: number;
  /** Most pixels, in an input of side 1024, that a side of a box moves outwards. MedSAM's is 20. */
  readonly jitter: number;
  /** Where boxes are shown: a square around one object, so many times its box's longer side; 0 shows whole images. */
  readonly crop: number;
  /** Turn half of the images over, each way. */
  readonly flips: boolean;
}

/** One object to find, in pixels of the encoder's input. */
export interface SamplePrompt {
  readonly box: PromptBox;
  /** A pixel of the object, each as likely. */
  readonly point: PointPrompt;
  /** The object on the encoder's input, padding included. */
  readonly target: Mask;
}

/** An image as a step sees it. */
export interface TrainingSample {
  readonly id: string;
  /** Turned over already. */
  readonly image: PixelImage;
  readonly frame: Frame;
  readonly prompts: readonly SamplePrompt[];
}

/**
 * Makes samples of cases as MedSAM does: a random object, its mask brought to the encoder's input by nearest pixels,
 * its tight box there, moved outwards at random. All choices come from the stream that is given.
 *
 * @see MedSAM's train_one_gpu.py, `NpyDataset`
 */
export class Sampler {
  /** A frame depends on the image's size alone; finding one takes as long as preparing the image. */
  private readonly frames = new Map<string, Frame>();

  constructor(readonly options: SampleOptions) {}

  /** @param kind of prompt that the model is to be shown. */
  sample(found: TrainingCase, random: Random, kind: PromptKind = "box"): TrainingSample {
    const { promptsPerImage, crop, flips } = this.options;
    const { id, image, objects } = crop > 0 && kind === "box" ? aroundOne(found, crop, random) : found;
    const flip = flips ? randomFlip(random) : { horizontal: false, vertical: false };
    const turned = flips ? flipImage(image, flip) : image;
    const frame = this.frameOf(turned);
    const order = shuffled(objects.length, random);
    const prompts = Array.from({ length: promptsPerImage }, (_, n) => {
      const object = objects[order[n % objects.length]];
      return this.prompt(flips ? flipMask(object, flip) : object, frame, random);
    });
    return { id, image: turned, frame, prompts };
  }

  /** The encoder's input of an image, `side` x `side` x 3 values. */
  pixels(image: PixelImage): Float32Array {
    const { pixels, frame } = prepareImage(this.options.preset, image, this.options.side);
    this.frames.set(sizeOf(image), frame);
    return pixels;
  }

  private frameOf(image: PixelImage): Frame {
    const known = this.frames.get(sizeOf(image));
    if (known !== undefined) return known;
    const { frame } = prepareImage(this.options.preset, image, this.options.side);
    this.frames.set(sizeOf(image), frame);
    return frame;
  }

  private prompt(object: Mask, { inputSize: [height, width], side }: Frame, random: Random): SamplePrompt {
    const target = placed(toSize(object, width, height), side);
    const tight = maskBox(target) ?? [0, 0, 0, 0];
    const most = Math.round((this.options.jitter * side) / 1024);
    const box = jitterBox(tight, [width, height], most, random);
    const point = firstPoint(target, random) ?? { x: 0, y: 0, label: 1 };
    return { box, point, target };
  }
}

/** One of a case's objects, each as likely, and what the image shows around it. */
function aroundOne({ id, image, objects }: TrainingCase, factor: number, random: Random): TrainingCase {
  const object = random.pick(objects);
  const region = regionAround(maskBox(object) ?? [0, 0, 0, 0], factor, image);
  return { id, image: cropImage(image, region), objects: [cropMask(object, region)] };
}

/** The numbers below `count` in a random order, each order as likely. */
export function shuffled(count: number, random: Random): number[] {
  const order = Array.from({ length: count }, (_, n) => n);
  for (let n = count - 1; n > 0; n--) {
    const other = random.integer(0, n);
    [order[n], order[other]] = [order[other], order[n]];
  }
  return order;
}

/** By nearest pixels; an object so small that all of it falls between them keeps one pixel where it lay. */
function toSize(mask: Mask, width: number, height: number): Mask {
  const resized = resizeNearest(mask, width, height);
  const data = Uint8Array.from(resized.data, (value) => (value === 0 ? 0 : 1));
  if (!data.includes(1)) {
    const first = mask.data.findIndex((value) => value !== 0);
    const [x, y] = [first % mask.width, Math.floor(first / mask.width)];
    data[Math.floor((y * height) / mask.height) * width + Math.floor((x * width) / mask.width)] = 1;
  }
  return { width, height, data };
}

/** In the top left corner of a square, the rest of which is outside. */
function placed(mask: Mask, side: number): Mask {
  if (mask.width === side && mask.height === side) return mask;
  const data = new Uint8Array(side * side);
  for (let y = 0; y < mask.height; y++)
    data.set(mask.data.subarray(y * mask.width, (y + 1) * mask.width), y * side);
  return { width: side, height: side, data };
}

function sizeOf({ width, height }: PixelImage): string {
  return `${width} x ${height}`;
}
