import * as tf from "@tensorflow/tfjs";
import { existsSync } from "node:fs";
import { appendFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { SamConfig } from "../../model/config.js";
import { ImageEncoder } from "../../model/imageEncoder.js";
import { Sam } from "../../model/sam.js";
import type { Checkpoint } from "../../weights/checkpoint.js";
import { fromFloat32, toFloat32 } from "../../weights/numbers.js";
import { openCheckpointFile } from "../../weights/open.node.js";
import { seededParameters, type Parameter } from "../../weights/paramScope.js";
import { torchToTf } from "../../weights/layout.js";
import type { TensorToWrite } from "../../weights/safetensorsWriter.js";
import { saveSafetensors } from "../../weights/safetensors.node.js";
import { AdamW, withoutNormsAndBiases } from "../adamw.js";
import { clipByGlobalNorm, disposeGradients, lossAndGradients } from "../gradients.js";
import { warmUp } from "../schedule.js";
import { chooseTrainable } from "../select.js";
import { batchesFrom } from "./batches.node.js";
import { auxiliaryHead, embeddedLoss } from "./objective.js";
import { shapeAt, type BatchShape } from "./samples.js";
import { validateEmbedded, type EmbeddedScores } from "./validate.js";

export interface EmbeddedTraining {
  readonly config: SamConfig;
  /** Folder of the run; what is there is gone on with. */
  readonly out: string;
  readonly seed: number;
  /** A step, after the first ones. */
  readonly pictures: number;
  readonly prompts: number;
  readonly learningRate: number;
  /** Steps after which the learning rate falls to nothing, in a straight line, and how many it takes to fall. */
  readonly decay?: { readonly from: number; readonly steps: number };
  readonly signal?: AbortSignal;
  readonly minutes: number;
  /** Minutes between two validations, each of which saves. */
  readonly validateEvery: number;
  readonly validationPrompts: number;
  readonly onStep?: (step: number, loss: number) => void;
  readonly onScores?: (step: number, scores: EmbeddedScores) => void;
}

const WARM_UP_STEPS = 40;
const MAX_NORM = 1;
/** What the running mean of the weights, which is the result, keeps at each step, and how often it follows. */
const MEAN_KEEPS = 0.999;
const MEAN_EVERY = 5;

/**
 * Trains a small SAM from nothing on generated pictures, on one process and from one seed, as long as it is given.
 * The state is one file that is replaced as a whole, so a stop at any moment loses the minutes since the last one.
 *
 * @returns the last scores.
 */
export async function trainEmbedded(training: EmbeddedTraining): Promise<EmbeddedScores> {
  const { config, out, seed, pictures, prompts } = training;
  await mkdir(out, { recursive: true });
  const shape: BatchShape = { side: config.imageSize, pictures, prompts };
  const model = new Sam(seededParameters(seed), config);
  useLogSpacedFrequencies(model);
  useWavesAsPositions(model);
  const head = auxiliaryHead(model);
  const parameters = new Map([
    ...chooseTrainable(model, "all"),
    ...[...head.namedParameters()].map(([name, parameter]) => [`auxiliary.${name}`, parameter] as const),
  ]);
  const optimiser = new AdamW(withoutNormsAndBiases(parameters), {
    learningRate: training.learningRate,
    weightDecay: 0.02,
    betas: [0.9, 0.98],
  });
  const means = new Map([...parameters].map(([path, { value }]) => [path, tf.variable(value, false)]));
  const statePath = join(out, "state.safetensors");
  let step = existsSync(statePath) ? restore(statePath, parameters, means, optimiser) : 0;
  const schedule = scheduleOf(training);
  const log = (entry: object) =>
    appendFile(join(out, "metrics.jsonl"), `${JSON.stringify({ step, time: new Date(), ...entry })}\n`);

  const score = async (): Promise<EmbeddedScores> => {
    swap(parameters, means);
    try {
      saveModel(join(out, "model.safetensors"), model, step);
      const scores = await validateEmbedded(model, training.validationPrompts);
      training.onScores?.(step, scores);
      await log({ scores });
      return scores;
    } finally {
      swap(parameters, means);
    }
  };

  const end = Date.now() + training.minutes * 60_000;
  const lastStep = training.decay === undefined ? Infinity : training.decay.from + training.decay.steps;
  let next = Date.now() + training.validateEvery * 60_000;
  let [sum, count] = [0, 0];
  for await (const batch of batchesFrom(step, { seed, shape })) {
    const { loss, gradients } = lossAndGradients(
      () => embeddedLoss(model, head, batch, shapeAt(step, shape)),
      parameters,
    );
    const clipped = clipByGlobalNorm(gradients, MAX_NORM);
    const [value] = await loss.data();
    const [norm] = await clipped.norm.data();
    // One bad batch among very many is left out; it does not end the run.
    if (Number.isFinite(value) && Number.isFinite(norm)) {
      optimiser.step(clipped.gradients, schedule(step));
      if (step % MEAN_EVERY === 0)
        follow(means, parameters, Math.min(MEAN_KEEPS, (1 + step) / (10 + step)) ** MEAN_EVERY);
      sum += value;
      count++;
    }
    disposeGradients(gradients);
    disposeGradients(clipped.gradients);
    tf.dispose([loss, clipped.norm]);
    step++;
    training.onStep?.(step, value);
    if (step % 50 === 0) {
      await log({ loss: sum / count });
      [sum, count] = [0, 0];
    }
    const stop = Date.now() > end || training.signal?.aborted === true || step >= lastStep;
    if (stop || Date.now() > next) {
      save(statePath, step, parameters, means, optimiser);
      if (stop) break;
      await score();
      next = Date.now() + training.validateEvery * 60_000;
    }
  }
  const scores = await score();
  optimiser.dispose();
  model.dispose();
  head.dispose();
  for (const mean of means.values()) mean.dispose();
  return scores;
}

/**
 * Directions along the axes, a row of frequencies that grow by the same factor, where SAM draws random ones: a corner
 * can then be found by its own row and column. The tensor is the same buffer of the checkpoint.
 */
function useLogSpacedFrequencies({ promptEncoder, config }: Sam): void {
  const { value } = promptEncoder.peLayer.positionalEncodingGaussianMatrix;
  const half = config.promptEmbedDim / 2;
  const each = half / 2;
  const highest = config.imageSize / config.patchSize / 3;
  const frequency = (n: number) => 0.25 * (highest / 0.25) ** (n / (each - 1));
  const rows = [0, 1].map((axis) =>
    Array.from({ length: half }, (_, n) => (n % 2 === axis ? frequency(Math.floor(n / 2)) : 0)),
  );
  tf.tidy(() => value.assign(tf.tensor2d(rows)));
}

/**
 * Sines and cosines along both axes, from half a wave over the picture to eight, where SAM begins with zeros: so that
 * where something is can be told from the first step on. They are trained on, as SAM's are.
 */
function useWavesAsPositions({ imageEncoder }: Sam): void {
  if (!(imageEncoder instanceof ImageEncoder)) return;
  const { value } = imageEncoder.posEmbed;
  const [, height, width, dim] = value.shape;
  const each = dim / 4;
  const at = (n: number, place: number, wave: (x: number) => number) =>
    0.3 * wave((Math.PI / 2) * 2 ** ((4 * n) / each) * (2 * place - 1));
  const rows = Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) =>
      [(x + 0.5) / width, (y + 0.5) / height].flatMap((place) =>
        [Math.sin, Math.cos].flatMap((wave) => Array.from({ length: each }, (_, n) => at(n, place, wave))),
      ),
    ),
  );
  tf.tidy(() => value.assign(tf.tensor4d([rows])));
}

function scheduleOf({ decay }: EmbeddedTraining): (step: number) => number {
  const up = warmUp(WARM_UP_STEPS);
  if (decay === undefined) return up;
  return (step) => up(step) * Math.min(1, Math.max(0, 1 - (step - decay.from) / decay.steps));
}

/** Moves the running means towards the present values. */
function follow(means: Means, parameters: Parameters, keeps: number): void {
  for (const [path, { value }] of parameters)
    tf.tidy(() => means.get(path)?.assign(value.add(means.get(path)!.sub(value).mul(keeps))));
}

type Means = ReadonlyMap<string, tf.Variable>;
type Parameters = ReadonlyMap<string, Parameter>;

/** Exchanges parameters and their means. */
function swap(parameters: Parameters, means: Means): void {
  for (const [path, { value }] of parameters) {
    const mean = means.get(path);
    if (mean === undefined) continue;
    const present = value.clone();
    value.assign(mean);
    mean.assign(present);
    present.dispose();
  }
}

function saveModel(path: string, model: Sam, step: number): void {
  const tensors = [...model.namedParameters()].map(([name, parameter]) => tensorOf(name, parameter));
  saveSafetensors(path, tensors, { step: String(step) });
}

function tensorOf(name: string, parameter: Parameter, value = parameter.value): TensorToWrite {
  const bytes = () => fromFloat32(parameter.toTorch(value.dataSync<"float32">()), "F32");
  return { name, dtype: "F32", shape: parameter.shape, bytes };
}

function save(path: string, step: number, parameters: Parameters, means: Means, optimiser: AdamW): void {
  const tensors = [
    ...[...parameters].map(([name, parameter]) => tensorOf(`model.${name}`, parameter)),
    ...[...parameters].map(([name, parameter]) => tensorOf(`mean.${name}`, parameter, means.get(name))),
    ...optimiser.state(),
  ];
  saveSafetensors(path, tensors, { step: String(step) });
}

/** @returns the number of steps made. */
function restore(path: string, parameters: Parameters, means: Means, optimiser: AdamW): number {
  const saved = openCheckpointFile(path);
  try {
    for (const [name, { shape, layout, value }] of parameters) {
      for (const [kind, variable] of [
        ["model", value],
        ["mean", means.get(name)],
      ] as const) {
        const info = saved.tensors.get(`${kind}.${name}`);
        if (info === undefined || info.shape.join() !== shape.join())
          throw new RangeError(
            `${path}: ${kind}.${name} is missing or of another shape; train another folder`,
          );
        const values = torchToTf(toFloat32(saved.readBytes(`${kind}.${name}`), info.dtype), shape, layout);
        tf.tidy(() => variable?.assign(tf.tensor(Float32Array.from(values), value.shape)));
      }
    }
    optimiser.restore(optimiserPart(saved));
    return Number(saved.metadata["step"]);
  } finally {
    saved.close();
  }
}

function optimiserPart(saved: Checkpoint): Checkpoint {
  const own = [...saved.tensors].filter(([name]) => /^(exp_avg|exp_avg_sq|step)\./.test(name));
  return {
    ...saved,
    tensors: new Map(own),
    readBytes: (name) => saved.readBytes(name),
    close: () => undefined,
  };
}
