import * as tf from "@tensorflow/tfjs";
import { dice } from "../evaluate/overlap.js";
import { flatMask } from "../evaluate/voxelMask.js";
import { cropImage, isSameRegion, pasteInto, type Region } from "../image/crop.js";
import { maskBox, type Mask } from "../image/mask.js";
import type { PixelImage } from "../image/pixels.js";
import { disposeFeatures, featuresFrom, type ImageFeatures } from "../model/features.js";
import type { PromptableModel } from "../model/promptableModel.js";
import type { Preset } from "../predictor/presets.js";
import { prepareImage } from "../predictor/presetTable.js";
import { promptTensors } from "../predictor/promptTensors.js";
import { seenRegion } from "../predictor/seenRegion.js";
import type { Prompt } from "../predictor/types.js";
import { checkCase } from "./batches.js";
import type { TrainingData } from "./cases.js";
import type { FrozenEncoder } from "./embeddings.js";
import { firstPoint, jitterBox, type PromptBox } from "./prompts.js";
import { Random } from "./random.js";
import type { TrainingSettings } from "./settings.js";

/** How one object was found. */
export interface ObjectScore {
  /** Its case, and its number there. */
  readonly id: string;
  readonly object: number;
  readonly dice: number;
}

/** One object as it was found, to be looked at. */
export interface ShownObject extends ObjectScore {
  readonly image: PixelImage;
  readonly truth: Mask;
  readonly predicted: Mask;
  /** In pixels of the image. */
  readonly box: PromptBox;
}

/** How well a model does on the cases kept to validate with. */
export interface Validation {
  /** Mean Dice of all objects. */
  readonly dice: number;
  readonly scores: readonly ObjectScore[];
  /** The first object of the first few cases. */
  readonly shown: readonly ShownObject[];
}

export interface ValidationOptions {
  readonly preset: Preset;
  readonly settings: Pick<TrainingSettings, "seed" | "jitter" | "prompts" | "crop">;
  /** Where the encoder does not train. */
  readonly frozen?: FrozenEncoder;
  readonly signal?: AbortSignal;
}

const SHOWN = 6;
/** Objects that are decoded at once. */
const TOGETHER = 8;

/**
 * Dice of every object of a data set, segmented as the predictor does with the training's crop, from a box with its
 * jitter (or a point, where only points train): the same prompts for the same seed, whenever it is asked.
 */
export async function validate(
  model: PromptableModel,
  data: TrainingData,
  { preset, settings, frozen, signal }: ValidationOptions,
): Promise<Validation> {
  const scores: ObjectScore[] = [];
  const shown: ShownObject[] = [];
  const random = new Random(settings.seed).split("validation");
  for (let index = 0; index < data.length; index++) {
    signal?.throwIfAborted();
    const { id, image, objects } = checkCase(await data.read(index));
    const own = random.split(id);
    const prompts = objects.map((mask) => promptOf(mask, settings, own));
    const predictions = await segment({ model, preset, frozen }, image, prompts, settings.crop);
    for (const [object, truth] of objects.entries()) {
      const predicted = predictions[object];
      const score = { id, object, dice: dice(flatMask(truth), flatMask(predicted)) };
      scores.push(score);
      const { box } = prompts[object];
      if (object === 0 && shown.length < SHOWN) shown.push({ ...score, image, truth, predicted, box });
    }
  }
  return { dice: scores.reduce((sum, score) => sum + score.dice, 0) / scores.length, scores, shown };
}

interface ObjectPrompt {
  readonly box: PromptBox;
  readonly prompt: Prompt;
}

function promptOf(
  mask: Mask,
  { jitter, prompts, crop }: ValidationOptions["settings"],
  random: Random,
): ObjectPrompt {
  const tight = maskBox(mask) ?? [0, 0, 0, 0];
  const seen = seenRegion({ box: tight }, crop, mask);
  const most = Math.round((jitter * Math.max(seen.width, seen.height)) / 1024);
  const box = jitterBox(tight, [mask.width, mask.height], most, random);
  const point = firstPoint(mask, random);
  if (prompts !== "point" || point === undefined) return { box, prompt: { box } };
  return { box, prompt: { pointCoords: [[point.x, point.y]], pointLabels: [1] } };
}

interface Segmenter {
  readonly model: PromptableModel;
  readonly preset: Preset;
  readonly frozen: FrozenEncoder | undefined;
}

async function segment(
  by: Segmenter,
  image: PixelImage,
  prompts: readonly ObjectPrompt[],
  crop: number,
): Promise<Mask[]> {
  const regions = prompts.map(({ prompt }) => seenRegion(prompt, crop, image));
  const masks: Mask[] = [];
  while (masks.length < prompts.length) {
    const start = masks.length;
    const others = regions.findIndex((region, n) => n > start && !isSameRegion(region, regions[start]));
    const part = prompts.slice(start, others < 0 ? prompts.length : others);
    masks.push(...(await segmentRegion(by, image, regions[start], part)));
  }
  return masks;
}

/** Masks of the image's size, from what the model sees of the region alone. */
async function segmentRegion(
  { model, preset, frozen }: Segmenter,
  whole: PixelImage,
  region: Region,
  prompts: readonly ObjectPrompt[],
): Promise<Mask[]> {
  const { imageSize: side } = model.config;
  const image = cropImage(whole, region);
  const { pixels, frame } = prepareImage(preset, image, side);
  const known = await frozen?.embed(image, () => pixels);
  const features = known === undefined ? encoded(model, pixels) : featuresFrom([known], model.featureShapes);
  try {
    const masks: Mask[] = [];
    for (let start = 0; start < prompts.length; start += TOGETHER) {
      const part = prompts.slice(start, start + TOGETHER).map(({ prompt }) => prompt);
      const maps = tf.tidy(() => {
        const { masks: low } = model.decode(features, promptTensors(part, frame, region), false);
        const [count, , height, width] = low.shape;
        const logits = low.reshape<tf.Tensor3D>([count, height ?? 0, width ?? 0]);
        return preset.upsample(logits, frame).greater(preset.threshold);
      });
      const inside = await maps.data<"bool">();
      maps.dispose();
      const { width, height } = image;
      for (let n = 0; n < part.length; n++) {
        const found = Uint8Array.from(inside.subarray(n * width * height, (n + 1) * width * height));
        masks.push({ width: whole.width, height: whole.height, data: pasteInto(found, region, whole, 0) });
      }
    }
    return masks;
  } finally {
    disposeFeatures(features);
  }
}

function encoded(model: PromptableModel, pixels: Float32Array): ImageFeatures {
  const { imageSize: side } = model.config;
  const input = tf.tensor4d(pixels, [1, side, side, 3]);
  try {
    return model.encode(input);
  } finally {
    input.dispose();
  }
}
