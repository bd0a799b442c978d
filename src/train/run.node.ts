import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../image/encode.node.js";
import type { Checkpoint } from "../weights/checkpoint.js";
import { trainedMasks } from "../predictor/severalMasks.js";
import { openCheckpointFile } from "../weights/open.node.js";
import { saveSafetensors } from "../weights/safetensors.node.js";
import {
  finetune,
  withPreset,
  type FinetuneOptions,
  type FinetuneResult,
  type TrainingCheckpoint,
} from "./finetune.js";
import { EventFile } from "./eventFile.node.js";
import { Metrics } from "./metrics.node.js";
import { configurationDifferences, runConfiguration } from "./runConfiguration.js";
import { completeSettings } from "./settings.js";
import { TrainingError } from "./trainer.js";

/** The files of a run. */
export const RUN_FILES = {
  /** What was chosen: settings, model, data. */
  configuration: "config.json",
  /** See `Metric`. */
  metrics: "metrics.jsonl",
  /** The whole model after the best validation. */
  best: "best.safetensors",
  /** The whole model as it was saved last. */
  last: "last.safetensors",
  /** What going on takes: what trains, the optimiser, the step. */
  state: "state.safetensors",
} as const;

/** A training with a folder of its own, which it can be resumed from. */
export interface RunOptions extends Omit<FinetuneOptions, "resume"> {
  /** Folder of the run; it is made. */
  readonly out: string;
  /** Go on where the run in the folder stopped, bit for bit; from the start when it saved nothing yet. Default false. */
  readonly resume?: boolean;
}

/**
 * `finetune` with a folder that holds all there is to know of it (`RUN_FILES`). Every file is replaced as a whole, and
 * `state.safetensors` is one file, so a kill at any moment loses no more than the steps since it was written. Node only.
 *
 * @throws as `finetune`; TrainingError when the folder holds a run and `resume` is not set, when it is and the
 * configuration differs, or when the disk takes no checkpoint: the last one is then still whole.
 */
export async function finetuneInFolder(options: RunOptions): Promise<FinetuneResult> {
  const { out, resume = false, ...given } = options;
  const training = withPreset(given);
  const { keepEvery } = training;
  const at = (name: string) => join(out, name);
  const configuration = await runConfiguration(training);
  await mkdir(out, { recursive: true });
  await removeTemporary(out);

  const hasState = existsSync(at(RUN_FILES.state));
  // One that failed before it saved anything left nothing to go on with, and nothing to lose.
  const holdsRun = hasState || existsSync(at(RUN_FILES.last));
  const before = holdsRun ? await readRunConfiguration(out) : undefined;
  if (holdsRun && !resume)
    throw new TrainingError(`${out}: holds a training already; resume it, or choose another folder`);
  if (before === undefined && hasState)
    throw new TrainingError(
      `${out}: has ${RUN_FILES.state} but no ${RUN_FILES.configuration}; choose another folder`,
    );
  const differences = before === undefined ? [] : configurationDifferences(before, configuration);
  if (differences.length > 0)
    throw new TrainingError(
      `${out}: cannot resume with another configuration (${differences.join("; ")}); change it back, or choose ` +
        "another folder",
    );
  let savedStep = 0;
  let events: EventFile | undefined;
  const saved: Checkpoint | undefined = hasState ? openCheckpointFile(at(RUN_FILES.state)) : undefined;
  try {
    savedStep = Number(saved?.metadata["step"] ?? 0);
    const saving = async <T>(write: () => T | Promise<T>): Promise<T> => {
      try {
        return await write();
      } catch (error) {
        if (!isSystemError(error)) throw error;
        const kept =
          savedStep > 0
            ? `the checkpoint of step ${savedStep} there is whole`
            : "nothing was saved there yet";
        throw new TrainingError(`${out}: cannot save (${error.message}); ${kept}. Make room and resume`, {
          cause: error,
        });
      }
    };
    await saving(() =>
      writeFileAtomic(at(RUN_FILES.configuration), `${JSON.stringify(configuration, undefined, 2)}\n`),
    );
    // Without a state all begins anew, the validation before the first step too.
    const kept = saved === undefined ? -1 : savedStep;
    const awaitsValidation = saved?.metadata["awaits"] === "validation";
    const metrics = await saving(() => Metrics.open(at(RUN_FILES.metrics), kept, awaitsValidation));
    events = await saving(() => EventFile.open(out));
    const now = () => new Date().toISOString();

    const write = (checkpoint: TrainingCheckpoint) => {
      const { step, bestDice } = checkpoint;
      const about = {
        step: String(step),
        ...(bestDice !== undefined && { bestDice: String(bestDice) }),
        ...trainedMasks(completeSettings(training)),
      };
      const models = [RUN_FILES.last as string];
      if (checkpoint.isBest) models.push(RUN_FILES.best);
      if (keepEvery !== undefined && step % keepEvery === 0) models.push(`step-${step}.safetensors`);
      for (const name of models) saveSafetensors(at(name), checkpoint.model, about);
      saveSafetensors(at(RUN_FILES.state), checkpoint.state, checkpoint.metadata);
      savedStep = step;
    };
    return await finetune({
      ...training,
      ...(saved && { resume: saved }),
      onStep: async (step) => {
        await saving(() => metrics.add({ ...step, time: now() }));
        const { loss, gradientNorm, learningRate } = step;
        events?.add(step.step, {
          "train/loss": loss,
          "train/gradient_norm": gradientNorm,
          "train/learning_rate": learningRate,
        });
        await training.onStep?.(step);
      },
      onValidation: async (step, validation) => {
        const { dice, scores } = validation;
        await saving(() => metrics.add({ step, dice, scores, time: now() }));
        events?.add(step, { "validation/dice": dice });
        await training.onValidation?.(step, validation);
      },
      onCheckpoint: async (checkpoint) => {
        await saving(() => write(checkpoint));
        await training.onCheckpoint?.(checkpoint);
      },
    });
  } finally {
    events?.close();
    saved?.close();
  }
}

/** The configuration in a run's folder; `undefined` where there is none. @throws TrainingError when it is damaged. */
export async function readRunConfiguration(out: string): Promise<unknown> {
  const path = join(out, RUN_FILES.configuration);
  const text = existsSync(path) ? await readFile(path, "utf8") : undefined;
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch (error) {
    throw new TrainingError(`${path}: is no JSON; it cannot be resumed from`, { cause: error });
  }
}

/** Half-written files of a run that was killed. */
async function removeTemporary(out: string): Promise<void> {
  for (const name of await readdir(out))
    if (/\.(safetensors|json|jsonl)\.[0-9a-f-]+\.tmp$/.test(name)) await rm(join(out, name), { force: true });
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}
