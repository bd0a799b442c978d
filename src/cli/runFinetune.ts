import { existsSync } from "node:fs";
import { join } from "node:path";
import { useBackend } from "../backend/useBackend.node.js";
import type { BackendName } from "../backend/useBackend.js";
import { FULL_RANGE } from "../image/intensity.js";
import { TRAINABLE_PRESETS, type TrainablePreset } from "../model/family.js";
import { buildSam } from "../model/load.js";
import { defaultPreset, findPreset, withIntensity } from "../predictor/presetTable.js";
import { openData, type OpenedData } from "../train/data/openData.node.js";
import type { ObjectRule } from "../train/data/objects.js";
import { DiskEmbeddingCache } from "../predictor/embeddingCache.node.js";
import type { FinetuneResult } from "../train/finetune.js";
import { readMetrics, type Metric } from "../train/metrics.node.js";
import { finetuneInFolder, readRunConfiguration, RUN_FILES } from "../train/run.node.js";
import type { RunConfiguration } from "../train/runConfiguration.js";
import { validationPicture } from "../train/runPage.js";
import type { TrainableChoice } from "../train/select.js";
import { completeSettings, type ScheduleChoice, type TrainingSettings } from "../train/settings.js";
import { UsageError, messageOf } from "./errors.js";
import { columns, thousands } from "./format.js";
import { openModelWith } from "./openModel.js";
import { Progress } from "./progress.js";
import { TrainingView } from "./trainingView.js";

/** The options of `medsam finetune`. */
export interface FinetuneOptions {
  readonly out: string;
  readonly checkpoint?: string;
  readonly train: string;
  readonly steps?: number;
  readonly epochs?: number;
  readonly batch: number;
  readonly objectsPerImage: number;
  readonly accumulate: number;
  readonly prompts: "box" | "point" | "either";
  readonly jitter: number;
  readonly flips: boolean;
  readonly clip?: number;
  readonly learningRate: number;
  readonly schedule: ScheduleChoice;
  readonly warmUp: number;
  readonly loss: "medsam" | "sam";
  readonly loraRank: number;
  readonly objects: ObjectRule;
  readonly validation: string;
  readonly validateEvery?: number;
  readonly keepEvery?: number;
  readonly preset?: string;
  readonly intensity?: string;
  readonly crop?: number;
  readonly resume?: boolean;
  readonly strict?: boolean;
  readonly seed: number;
  readonly backend: BackendName | "auto";
  readonly json?: boolean;
}

/** Steps where neither steps nor epochs are named. */
const STEPS = 300;
/** Bytes of embeddings that a run keeps on disk: about two thousand of ViT-B's. */
const EMBEDDINGS = 8e9;
/** Problems and warnings that are named one by one. */
const NAMED = 5;

/** Trains, and says how it went. */
export async function runFinetune(
  path: string,
  options: FinetuneOptions,
  signal: AbortSignal,
): Promise<void> {
  const backend = await useBackend(options.backend, {
    onSkip: (name, reason) => console.error(`medsam: backend ${name} is passed over: ${reason}`),
  });
  const data = await openedData(path, options, signal);
  const { model, checkpoint } = await openModelWith(buildSam, options.checkpoint, { signal });
  try {
    // The images are 8-bit by now: nothing is left for the preset's own intensities to do.
    const named = options.preset === undefined ? defaultPreset(model.config) : findPreset(options.preset);
    const preset = withIntensity(named, FULL_RANGE);
    const { crop = preset.crop ?? 0 } = options;
    // What medsam segment has to be told to show the model what it trained on.
    const segmentsWith = [
      ...(named === defaultPreset(model.config) ? [] : [` --preset ${named.name}`]),
      ...(crop === (named.crop ?? 0) ? [] : [` --crop ${crop}`]),
    ].join("");
    const settings = settingsOf({ ...options, crop }, data.train.length);
    const history = options.resume === true ? await readMetrics(join(options.out, RUN_FILES.metrics)) : [];
    const view = viewOf(options.out, history, settings, data, { path, backend, weights: checkpoint.name });
    const cache = await DiskEmbeddingCache.open(join(options.out, "embeddings"), EMBEDDINGS);
    const every =
      options.validateEvery ??
      (options.resume === true ? await validatedEvery(options.out) : undefined) ??
      Math.max(1, Math.round(settings.steps / 10));
    try {
      const result = await finetuneInFolder({
        ...settings,
        ...{ model, preset, cache, signal, out: options.out, resume: options.resume === true },
        data: data.train,
        validation: data.validation,
        ...{ validateEvery: every, saveEvery: every },
        ...(options.keepEvery !== undefined && { keepEvery: options.keepEvery }),
        onStep: (step) => view.onStep(step),
        onValidation: (step, { scores, shown }) =>
          view.onValidation({ step, dice: scores.map(({ dice }) => dice) }, shown.map(validationPicture)),
      });
      await view.end();
      report(result, view, data, { ...options, segmentsWith });
    } catch (error) {
      await view.end();
      if (error !== signal.reason || !existsSync(join(options.out, RUN_FILES.state))) throw error;
      throw new Error(`stopped and saved; the same command with --resume goes on`, { cause: error });
    }
  } finally {
    model.dispose();
    await data.close();
  }
}

/** Of the run that goes on: what was drawn from its number of steps stays, however many follow. */
async function validatedEvery(out: string): Promise<number | undefined> {
  const before = (await readRunConfiguration(out)) as Partial<RunConfiguration> | undefined;
  return before?.validateEvery;
}

async function openedData(path: string, options: FinetuneOptions, signal: AbortSignal): Promise<OpenedData> {
  const { objects, intensity, seed, strict = false } = options;
  const share = Number(options.validation);
  if (share < 0 || share >= 1)
    throw new UsageError(`--validation ${options.validation}: expected a share of 0 to below 1, or data`);
  const progress = new Progress("looking at the data");
  try {
    const data = await openData(path, {
      ...{ objects, seed, strict, signal },
      validation: Number.isNaN(share) ? options.validation : share,
      ...(intensity !== undefined && { intensity }),
      onProgress: (done) => progress.update(done),
    });
    const { problems, warnings, train, validation } = data;
    progress.stop();
    console.error(
      `medsam: ${path}: ${thousands(train.length)} images to train on, ${thousands(validation.length)} to validate with`,
    );
    if (problems.length > 0) {
      console.error(`medsam: ${path}: left out, as it cannot be used: ${thousands(problems.length)}`);
      for (const { reason } of problems.slice(0, NAMED)) console.error(`medsam:   ${reason}`);
      if (problems.length > NAMED) console.error(`medsam:   and ${thousands(problems.length - NAMED)} more`);
    }
    for (const warning of warnings.slice(0, NAMED)) console.error(`medsam: ${warning}`);
    if (warnings.length > NAMED)
      console.error(`medsam: and ${thousands(warnings.length - NAMED)} more such warnings`);
    return data;
  } finally {
    progress.stop();
  }
}

function settingsOf(options: FinetuneOptions & { readonly crop: number }, images: number): TrainingSettings {
  const { epochs, batch, objectsPerImage, learningRate, schedule, warmUp, loss, seed, loraRank } = options;
  const { accumulate, prompts, jitter, flips } = options;
  const steps =
    epochs === undefined ? (options.steps ?? STEPS) : Math.ceil((epochs * images) / (batch * accumulate));
  try {
    return completeSettings({
      ...{ steps, batch, learningRate, schedule, warmUp, loss, seed },
      ...{ accumulate, prompts, jitter, flips },
      promptsPerImage: objectsPerImage,
      ...(options.clip !== undefined && { clip: options.clip }),
      crop: options.crop,
      train: trainOf(options.train),
      lora: { rank: loraRank, alpha: loraRank },
    });
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/** A preset's name, or patterns with commas between; `!` before one freezes what it matches. */
function trainOf(text: string): TrainablePreset | TrainableChoice {
  const preset = TRAINABLE_PRESETS.find((name) => name === text);
  if (preset !== undefined) return preset;
  const patterns = text.split(",").map((part) => part.trim());
  return {
    train: patterns.filter((pattern) => !pattern.startsWith("!")),
    freeze: patterns.flatMap((pattern) => (pattern.startsWith("!") ? [pattern.slice(1)] : [])),
  };
}

function viewOf(
  out: string,
  history: readonly Metric[],
  settings: TrainingSettings,
  data: OpenedData,
  { path, backend, weights }: { readonly path: string; readonly backend: string; readonly weights: string },
): TrainingView {
  const { train, steps, batch, accumulate, promptsPerImage, crop, learningRate, schedule, loss, seed } =
    settings;
  const words = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  return new TrainingView({
    out,
    title: `Training: ${path}`,
    settings: [
      ["images to train on", data.train.length],
      ["images to validate with", data.validation.length],
      ["files left out", data.problems.length],
      ["weights at the start", weights],
      ["what trains", words(train)],
      ["steps", steps],
      ["images a step", batch * accumulate],
      crop === 0
        ? ["objects of an image", promptsPerImage]
        : [
            "what the model sees",
            `one object in a square of ${crop} times its box, ${promptsPerImage} boxes`,
          ],
      ["learning rate", String(learningRate)],
      ["schedule", words(schedule)],
      ["loss", loss],
      ["seed", seed],
      ["backend", backend],
    ],
    totalSteps: steps,
    batch: batch * accumulate,
    steps: history.flatMap((metric) => ("loss" in metric ? [metric] : [])),
    validations: history.flatMap((metric) =>
      "scores" in metric ? [{ step: metric.step, dice: metric.scores.map(({ dice }) => dice) }] : [],
    ),
  });
}

function report(
  { bestDice, validation }: FinetuneResult,
  view: TrainingView,
  data: OpenedData,
  { json, out, segmentsWith }: FinetuneOptions & { readonly segmentsWith: string },
): void {
  const first = view.firstDice();
  const weights = bestDice === undefined ? join(out, RUN_FILES.last) : join(out, RUN_FILES.best);
  const page = join(out, "report.html");
  if (json) {
    const dice = { before: first, last: validation?.dice, best: bestDice };
    console.log(JSON.stringify({ out, weights, report: page, dice, leftOut: data.problems }, null, 2));
    return;
  }
  const score = (value?: number) => value?.toFixed(4) ?? "-";
  if (bestDice !== undefined)
    console.log(`Mean Dice of the validation masks: ${score(first)} before, ${score(bestDice)} at best`);
  console.log(
    columns([
      [`  ${weights}`, `for medsam segment${segmentsWith} --checkpoint, and for PyTorch`],
      [`  ${page}`, "to look at"],
      [`  ${join(out, RUN_FILES.metrics)}`, "every step, as JSON lines"],
    ]),
  );
  console.log("Not for clinical use.");
}
