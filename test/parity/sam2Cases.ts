import * as tf from "@tensorflow/tfjs";
import { trace, type TracedTensor } from "../../src/inspect/trace.js";
import type { Sam2Config } from "../../src/model/sam2/config.js";
import { Sam2 } from "../../src/model/sam2/sam2.js";
import {
  conditionOnMemory,
  encodeMemory,
  forwardSamHeads,
  type FrameMemory,
} from "../../src/model/sam2/tracking.js";
import { Sam2VideoPredictor, type VideoFrameMasks } from "../../src/predictor/videoPredictor.js";
import { MEDSAM2_INFER_3D_CT } from "../../src/predictor/presetTable.js";
import type { Preset } from "../../src/predictor/presets.js";
import type { Box, LogitMap, Point } from "../../src/predictor/types.js";
import type { VideoFrames, VideoState } from "../../src/predictor/videoState.js";
import { ParamScope } from "../../src/weights/paramScope.js";
import type { LimitName } from "./check.js";
import { oracleInput, oracleValues } from "./oracle.js";
import { toTensor, type Fixture } from "./tensors.js";

// Of the fixtures of SAM 2, what is the same in Node and in a browser.

const SCORE_BIAS = "sam_mask_decoder.pred_obj_score_head.layers.2.bias";

/** The oracle's parameters; with what is added to the logit of an object being in the frame. */
export function sam2Parameters(score = 5): ParamScope {
  return new ParamScope({
    values: (path, shape) => (path === SCORE_BIAS ? Float32Array.of(score) : oracleValues(path, shape)),
  });
}

/** A small model of a fixture. */
export function loadSam2({ case: about }: Fixture): Sam2 {
  return new Sam2(sam2Parameters(about["score"] as number), about["config"] as Sam2Config);
}

/** What the fixture's frame is conditioned on: frame 3 was prompted, the others were tracked. */
export function memoryOf({ case: about, tensors }: Fixture): FrameMemory {
  const { frame, frames, config } = about as { frame: number; frames: number; config: Sam2Config };
  const { numMaskmem } = config;
  const prompted = 3;
  const values = (name: string) => tensors.get(`input.${name}`)!.values;
  const tracked = Array.from({ length: frame - prompted - 1 }, (_, n) => prompted + 1 + n);
  const near = tracked.filter((n) => frame - n < numMaskmem);
  return {
    objects: 2,
    spatial: [
      { features: values(`memory.${prompted}`), framesAway: numMaskmem },
      ...near.map((n) => ({ features: values(`memory.${n}`), framesAway: frame - n })),
    ],
    pointers: [prompted, ...tracked.toReversed()].map((n) => ({
      pointers: values(`pointer.${n}`),
      framesAway: frame - n,
    })),
    pointerRange: Math.min(frames, config.maxObjPtrsInEncoder) - 1,
  };
}

/** A tracked frame from image to memory. Frees everything but the result and the model. */
export function runFrame(model: Sam2, fixture: Fixture) {
  const memory = memoryOf(fixture);
  return tf.tidy(() => {
    const features = model.encode(toTensor(fixture.tensors.get("input.image")!, true));
    const embedding = conditionOnMemory(model, features.embedding, memory);
    const found = forwardSamHeads(model, { ...features, embedding }, {}, memory.objects, true);
    const { lowResMasks, objectScoreLogits } = found;
    const left = encodeMemory(model, features.embedding, lowResMasks, objectScoreLogits, false);
    return { ...found, memory: left };
  });
}

/** The same with everything inside, as PyTorch's tensors. */
export async function forwardFrame(model: Sam2, fixture: Fixture): Promise<Map<string, TracedTensor>> {
  const paths = [...fixture.tensors.keys()].filter((name) => !/^(input|expected|\d+)\./.test(name));
  const { result, tensors } = await trace(model, paths, () => runFrame(model, fixture));
  const memory = result.memory.transpose([0, 3, 1, 2]);
  const named = {
    low_res_masks: result.lowResMasks,
    pointers: result.objPtrs,
    object_score_logits: result.objectScoreLogits,
    memory,
  };
  // WebGPU can be read only by waiting for it.
  for (const [name, value] of Object.entries(named))
    tensors.set(`expected.${name}`, { shape: value.shape, values: await value.data<"float32">() });
  tf.dispose([memory, ...Object.values(result)]);
  return tensors;
}

const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

/** Frames that the oracle makes, normalised, as a video: the frame's number is its one pixel value's. */
export function oracleVideo(
  size: { readonly width: number; readonly height: number },
  count: number,
  side: number,
) {
  const area = side * side;
  const values = oracleInput("frames", [count, 3, side, side]);
  const preset: Preset = {
    ...MEDSAM2_INFER_3D_CT,
    prepare: (image) => {
      const first = image.data[0] * 3 * area;
      const pixels = Float32Array.from({ length: 3 * area }, (_, n) => {
        const channel = n % 3;
        return (values[first + channel * area + Math.floor(n / 3)] - MEAN[channel]) / STD[channel];
      });
      return { pixels, frame: { imageSize: [size.height, size.width], inputSize: [side, side], side } };
    },
  };
  const frames: VideoFrames = {
    ...size,
    count,
    read: (index) => ({ ...size, channels: 1, data: new Uint8Array(size.width * size.height).fill(index) }),
  };
  return { preset, frames };
}

/** A conversation with the video predictor. */
export interface VideoCase {
  readonly frames: number;
  readonly width: number;
  readonly height: number;
  readonly steps: readonly VideoStep[];
}

/** A step of the fixtures' conversations with the video predictor. */
export interface VideoStep {
  readonly do: "points" | "mask" | "clear" | "remove" | "reset" | "propagate";
  readonly frame: number;
  readonly object: number;
  readonly points?: Point[];
  readonly labels?: (0 | 1)[];
  readonly box?: Box;
  readonly clear?: boolean;
  readonly rows: [number, number];
  readonly columns: [number, number];
  readonly start?: number;
  readonly most?: number;
  readonly reverse?: boolean;
}

/** Does one step, and gives what came back. */
export async function videoStep(
  predictor: Sam2VideoPredictor,
  state: VideoState,
  step: VideoStep,
): Promise<VideoFrameMasks[]> {
  const { frame, object, rows, columns, clear, start, most, reverse = false } = step;
  const { width, height } = state.frames;
  switch (step.do) {
    case "points": {
      const { points, labels, box } = step;
      const prompt = { frame, object, points, labels, box, clearOldPoints: clear };
      return [await predictor.addNewPointsOrBox(state, prompt)];
    }
    case "mask": {
      const inside = (n: number, [from, to]: [number, number]) => n >= from && n < to;
      const data = Uint8Array.from({ length: width * height }, (_, n) =>
        inside(Math.floor(n / width), rows) && inside(n % width, columns) ? 1 : 0,
      );
      return [await predictor.addNewMask(state, { frame, object, mask: { width, height, data } })];
    }
    case "clear":
      return [await predictor.clearAllPromptsInFrame(state, { frame, object })];
    case "remove":
      return predictor.removeObject(state, object);
    case "reset":
      await predictor.resetState(state);
      return [];
    case "propagate": {
      const frames: VideoFrameMasks[] = [];
      const options = { reverse, startFrame: start, maxFrames: most };
      for await (const masks of predictor.propagateInVideo(state, options)) frames.push(masks);
      return frames;
    }
  }
}

/** All that a fixture's conversation gives: logits by step and frame. Frees what it made. */
export async function forwardVideo(fixture: Fixture): Promise<Map<string, TracedTensor>> {
  const { frames: count, width, height, steps } = fixture.case as unknown as VideoCase;
  const model = loadSam2(fixture);
  const { preset, frames } = oracleVideo({ width, height }, count, model.config.imageSize);
  const predictor = new Sam2VideoPredictor(model, { preset, fillHoleArea: 0, returnLogits: true });
  const state = predictor.initState(frames);
  const got = new Map<string, TracedTensor>();
  for (const [index, step] of steps.entries())
    for (const masks of await videoStep(predictor, state, step))
      got.set(`${index}.${masks.frame}`, logitsOf(masks));
  await predictor.dispose();
  model.dispose();
  return got;
}

/** A prompt of the fixture of single images, with upstream's names. */
export interface ImagePrompt {
  readonly box?: Box;
  readonly point_coords?: Point[];
  readonly point_labels?: (0 | 1)[];
  readonly mask_input?: string;
  readonly multimask_output?: boolean;
}

/** Logits of all objects, [B, height, width]. */
export function logitsOf({ objects }: VideoFrameMasks): TracedTensor {
  return mapsOf(objects.map(({ logits }) => logits!));
}

/** Maps of one size as one tensor. */
export function mapsOf(maps: readonly LogitMap[]): TracedTensor {
  const [{ width, height }] = maps;
  return {
    shape: [maps.length, height, width],
    values: Float32Array.from(maps.flatMap(({ data }) => [...data])),
  };
}

/** The limit of a module of SAM 2. */
export function sam2Limit(path: string): LimitName {
  if (path.includes("image_encoder")) return "encoder";
  return /sam_mask_decoder|expected|memory_attention|memory_encoder/.test(path) ? "logits" : "block";
}
