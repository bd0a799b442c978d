import * as tf from "@tensorflow/tfjs";
import { trace } from "../../src/inspect/trace.js";
import { MEDSAM2 } from "../../src/model/sam2/config.js";
import { Sam2 } from "../../src/model/sam2/sam2.js";
import {
  Sam2VideoPredictor,
  type PointsOrBox,
  type VideoFrameMasks,
} from "../../src/predictor/videoPredictor.js";
import type { VideoState } from "../../src/predictor/videoState.js";
import { oracleVideo, sam2Parameters } from "./sam2Cases.js";
import { summaryOf } from "./tensors.js";

// MedSAM2's printed numbers, as Node and a browser compute them.

export const SIZE = { width: 300, height: 400 };
const FRAMES = 8;

/** Mean, mean magnitude and samples of values with PyTorch's axes, by path; of frame 0. */
export const TABLE: Readonly<
  Record<string, readonly [numbers: readonly number[], samples: readonly number[]]>
> = {
  "image_encoder.trunk.patch_embed": [
    [0.010388, 1.033631, -1.02591, -0.14288, -0.34121],
    [0, 1, 2],
  ],
  "image_encoder.trunk.blocks.0": [
    [-0.027758, 1.180883, 0.05776, 0.45875, -1.01305],
    [0, 1, 2],
  ],
  "image_encoder.trunk.blocks.1": [
    [0.953399, 1.174884, 2.97563, 2.93247, -0.09505],
    [0, 1, 2],
  ],
  "image_encoder.trunk.blocks.4": [
    [0.762581, 1.505168, 1.12243, -0.27262, -2.08997],
    [0, 1, 2],
  ],
  "image_encoder.trunk.blocks.5": [
    [0.793321, 1.718609, 1.8043, -0.78531, -2.95839],
    [0, 1, 2],
  ],
  "image_encoder.trunk.blocks.10": [
    [0.315418, 1.177351, 0.91329, 1.78142, -1.72689],
    [0, 1, 2],
  ],
  "image_encoder.trunk.blocks.11": [
    [0.29437, 1.464658, 0.07479, 1.76288, -1.91997],
    [0, 1, 2],
  ],
  "sam_mask_decoder.conv_s0": [
    [-0.053326, 1.13056, -0.11033, -1.42765, -1.21505],
    [0, 1, 16384],
  ],
  "sam_mask_decoder.conv_s1": [
    [0.049897, 1.413672, -1.36192, -0.34754, -1.83863],
    [0, 1, 4096],
  ],
  image_encoder: [
    [0.024657, 2.722706, 1.87674, 4.23021, 3.37125],
    [0, 1, 1024],
  ],
};

/** A prompt, and what is printed of it. */
export interface PrintedPrompt {
  readonly prompt: PointsOrBox;
  /** Pixels of the mask. */
  readonly positives: number;
  /** Places in the low-resolution logits whose values are printed. */
  readonly samples: readonly number[];
  /** Mean, mean magnitude and samples of these logits, three of the pointer, the object score; as far as printed. */
  readonly numbers: readonly (number | undefined)[];
}

export const BOX: PrintedPrompt = {
  prompt: { frame: 3, object: 1, box: [60, 80, 200, 300] },
  positives: 85044,
  samples: [0, 1, 128],
  numbers: [0.807501, 1.866423, 4.0148, 0.44212, 2.81609, 0.82482, -0.09265, -0.62298, 5.14057],
};

export const CLICK: PrintedPrompt = {
  prompt: { frame: 3, object: 1, points: [[150, 200]], labels: [1] },
  positives: 87833,
  samples: [0, 1],
  numbers: [0.914344, undefined, 4.03359, 0.02522],
};

/** A frame and two prompts of MedSAM2 at full size. */
export interface OracleNumbers {
  readonly frame: Awaited<ReturnType<typeof frameNumbers>>;
  readonly box: readonly number[];
  readonly click: readonly number[];
}

/** All that `frameNumbers` and `promptNumbers` give. Frees what it made. */
export async function oracleNumbers(): Promise<OracleNumbers> {
  const { model, predictor, state } = startOracle();
  const frame = await frameNumbers(model);
  const box = await promptNumbers(predictor, state, BOX);
  await predictor.resetState(state);
  const click = await promptNumbers(predictor, state, CLICK);
  await predictor.dispose();
  model.dispose();
  return { frame, box, click };
}

/** MedSAM2 with the oracle's weights, and its frames as a video. */
export function startOracle(): { model: Sam2; predictor: Sam2VideoPredictor; state: VideoState } {
  const model = new Sam2(sam2Parameters(), MEDSAM2);
  const { preset, frames } = oracleVideo(SIZE, FRAMES, MEDSAM2.imageSize);
  const predictor = new Sam2VideoPredictor(model, { preset, fillHoleArea: 0, keepBytes: 40e6 });
  return { model, predictor, state: predictor.initState(frames) };
}

/** What `TABLE` prints, of frame 0; and three values of the frame itself as `frame`. */
export async function frameNumbers(model: Sam2): Promise<Readonly<Record<string, readonly number[]>>> {
  const { preset, frames } = oracleVideo(SIZE, FRAMES, MEDSAM2.imageSize);
  const { pixels } = preset.prepare((await frames.read(0)) as never, MEDSAM2.imageSize);
  const input = tf.tensor4d(pixels, [1, 512, 512, 3]);
  const { tensors, result } = await trace(model, Object.keys(TABLE), () => model.encode(input));
  tf.dispose([input, result.embedding, [...(result.highRes ?? [])]]);
  const found = new Map(
    Object.entries(TABLE).map(([path, [, samples]]) => [path, summaryOf(tensors.get(path)!.values, samples)]),
  );
  return Object.fromEntries(found.set("frame", [pixels[0], pixels[3], pixels[1]]));
}

/** What is found with a prompt, as it is printed; the mask's pixels first. */
export async function promptNumbers(
  predictor: Sam2VideoPredictor,
  state: VideoState,
  { prompt, samples }: PrintedPrompt,
): Promise<readonly number[]> {
  const masks = await predictor.addNewPointsOrBox(state, prompt);
  const pending = state.values.pending.get(prompt.object)!.get(prompt.frame)!;
  const { lowResMasks, pointers, objectScores } = pending.record;
  return [positives(masks), ...summaryOf(lowResMasks, samples), ...pointers.slice(0, 3), objectScores[0]];
}

/** Pixels of the first object's mask. */
export function positives({ objects: [{ mask }] }: VideoFrameMasks): number {
  return mask.data.reduce((sum, value) => sum + value, 0);
}
