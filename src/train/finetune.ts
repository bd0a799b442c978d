import type { PromptableModel } from "../model/promptableModel.js";
import { MemoryEmbeddingCache, type EmbeddingCache } from "../predictor/embeddingCache.js";
import type { Preset } from "../predictor/presets.js";
import { defaultPreset } from "../predictor/presetTable.js";
import { CheckpointError, type Checkpoint } from "../weights/checkpoint.js";
import type { TensorToWrite } from "../weights/safetensorsWriter.js";
import { BatchReader, disposeBatch } from "./batches.js";
import type { TrainingData } from "./cases.js";
import { FrozenEncoder } from "./embeddings.js";
import { plainTensors } from "./plainTensors.js";
import { Sampler } from "./sample.js";
import type { SettingsInput } from "./settings.js";
import { Trainer, type TrainingStep } from "./trainer.js";
import { validate, type Validation } from "./validate.js";

/** A model in the middle of its training, to be written somewhere. */
export interface TrainingCheckpoint {
  readonly step: number;
  /** What `resume` takes: parameters that train, optimiser, step, in one file. */
  readonly state: readonly TensorToWrite[];
  /** Belongs to `state`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The whole model, which PyTorch loads; adapters are merged. */
  readonly model: readonly TensorToWrite[];
  /** No earlier validation was as good, and this one was just made. */
  readonly isBest: boolean;
  /** Mean Dice of the best validation so far. */
  readonly bestDice?: number;
}

export interface FinetuneOptions extends SettingsInput {
  /** Its parameters change in place. */
  readonly model: PromptableModel;
  readonly data: TrainingData;
  /** Validates the training; none by default. */
  readonly validation?: TrainingData;
  /** Default: the one that belongs to the model. */
  readonly preset?: Preset;
  /** Keeps embeddings where the encoder is frozen. Default: 1 GiB in memory. */
  readonly cache?: EmbeddingCache;
  /** Steps between validations; one is made before the first step and after the last. Default 100. */
  readonly validateEvery?: number;
  /** Steps between checkpoints; one is made after the last step too. Default 100. */
  readonly saveEvery?: number;
  /** Steps between checkpoints that are to stay, beside those; default none. */
  readonly keepEvery?: number;
  /** What a checkpoint's `state` and `metadata` were written to: goes on bit for bit, with the same settings. */
  readonly resume?: Checkpoint;
  /**
   * Stops after the present step, once `onCheckpoint` has had it; the call then rejects with the signal's reason. A
   * validation that was due is made when the training is resumed.
   */
  readonly signal?: AbortSignal;
  /** Told of each step when it is made. */
  readonly onStep?: (step: TrainingStep) => void | Promise<void>;
  /** Told of each validation when it is done. */
  readonly onValidation?: (step: number, validation: Validation) => void | Promise<void>;
  /** The tensors are read from the model as they are written: write them before this settles. */
  readonly onCheckpoint?: (checkpoint: TrainingCheckpoint) => void | Promise<void>;
}

/** How a training ended. */
export interface FinetuneResult {
  /** The last step; undefined when there was none left to make. */
  readonly last?: TrainingStep;
  /** The last validation. */
  readonly validation?: Validation;
  readonly bestDice?: number;
}

const DEFAULT_CACHE_BYTES = 2 ** 30;

/**
 * Trains a model on cases by MedSAM's recipe. The same model, data, settings and seed give the same weights, on the
 * same backend, also when the training was stopped and resumed in between. The model must not be used by others
 * meanwhile.
 *
 * @throws TrainingError when loss or gradients are not finite, naming cases and layer; RangeError for settings out of
 * range or nothing to train; ImageError for a case that cannot be used; the signal's reason when stopped.
 */
export async function finetune(given: FinetuneOptions): Promise<FinetuneResult> {
  const options = withPreset(given);
  const {
    model,
    data,
    preset,
    validation,
    signal,
    validateEvery = 100,
    saveEvery = 100,
    keepEvery,
  } = options;
  for (const [name, value] of Object.entries({ validateEvery, saveEvery, keepEvery: keepEvery ?? 1 }))
    if (!(Number.isInteger(value) && value >= 1))
      throw new RangeError(`training: ${name} is ${value}; expected a whole number of at least 1`);
  if (data.length === 0) throw new RangeError("training: the data have no case; expected at least one");
  signal?.throwIfAborted();
  const trainer = new Trainer(model, options);
  try {
    let best = options.resume === undefined ? undefined : restore(trainer, options.resume);
    const { settings } = trainer;
    const cache = options.cache ?? new MemoryEmbeddingCache(DEFAULT_CACHE_BYTES);
    const frozen = trainer.trainsEncoder ? undefined : new FrozenEncoder(model, preset, cache);
    const { promptsPerImage, jitter, crop, flips } = settings;
    const sampler = new Sampler({
      preset,
      side: model.config.imageSize,
      promptsPerImage,
      jitter,
      crop,
      flips,
    });
    const reader = new BatchReader(data, model, sampler, settings, frozen);

    const score = async (): Promise<Validation | undefined> => {
      if (validation === undefined || validation.length === 0) return undefined;
      const made = await validate(model, validation, {
        preset,
        settings,
        ...(frozen && { frozen }),
        ...(signal && { signal }),
      });
      await options.onValidation?.(trainer.steps, made);
      return made;
    };
    /** @returns whether no validation before was as good. */
    const scoreAndCompare = async (): Promise<boolean> => {
      scored = await score();
      const isBest = scored !== undefined && scored.dice > (best ?? -Infinity);
      if (isBest) best = scored?.dice;
      return isBest;
    };
    const save = async (isBest: boolean, awaits?: "validation") =>
      options.onCheckpoint?.({
        step: trainer.steps,
        state: trainer.state(),
        metadata: {
          step: String(trainer.steps),
          ...(best !== undefined && { bestDice: String(best) }),
          ...(awaits && { awaits }),
        },
        model: plainTensors(model),
        isBest,
        ...(best !== undefined && { bestDice: best }),
      });

    let last: TrainingStep | undefined;
    let scored: Validation | undefined;
    if (trainer.steps === 0) scored = await score();
    else if (options.resume?.metadata["awaits"] === "validation") await save(await scoreAndCompare());
    let next = ahead(reader, trainer.steps);
    while (trainer.steps < settings.steps) {
      const loaded = await next;
      if (trainer.steps + 1 < settings.steps) next = ahead(reader, trainer.steps + 1);
      const batches = loaded.map((batch) => reader.toDevice(batch));
      try {
        last = await trainer.step(batches);
      } finally {
        batches.forEach(disposeBatch);
      }
      await options.onStep?.(last);
      // Lets the reading threads' answers and the signal in: TensorFlow's own calls may never yield.
      await new Promise((resolve) => setTimeout(resolve));

      const isLast = trainer.steps === settings.steps;
      const due = (every: number) => isLast || trainer.steps % every === 0;
      const validates = validation !== undefined && validation.length > 0 && due(validateEvery);
      let isBest = false;
      try {
        if (validates || !isLast) signal?.throwIfAborted();
        if (validates) isBest = await scoreAndCompare();
      } catch (error) {
        // Where a stop took the validation away, it is made first when the training goes on.
        if (signal?.aborted) await save(false, validates ? "validation" : undefined);
        throw error;
      }
      if (isBest || due(saveEvery) || due(keepEvery ?? Infinity)) await save(isBest);
    }
    return {
      ...(last && { last }),
      ...(scored && { validation: scored }),
      ...(best !== undefined && { bestDice: best }),
    };
  } finally {
    trainer.dispose();
  }
}

/** The options with their preset, the model's own where they name none, and with its crop where they name none. */
export function withPreset<T extends Pick<FinetuneOptions, "model" | "preset" | "crop">>(
  options: T,
): T & { readonly preset: Preset; readonly crop: number } {
  const { preset = defaultPreset(options.model.config) } = options;
  return { ...options, preset, crop: options.crop ?? preset.crop ?? 0 };
}

/** Reads a step's batches while another is computed; a failure waits until they are asked for. */
function ahead(reader: BatchReader, step: number): ReturnType<BatchReader["read"]> {
  const reading = reader.read(step);
  reading.catch(() => undefined);
  return reading;
}

/** @returns the best validation's Dice until then. */
function restore(trainer: Trainer, saved: Checkpoint): number | undefined {
  const { step, bestDice } = saved.metadata;
  const made = Number(step);
  if (step === undefined || !(Number.isInteger(made) && made >= 0))
    throw new CheckpointError(`${saved.source}: its step is ${step}; expected the state of a training`);
  trainer.restore(saved, made);
  return bestDice === undefined ? undefined : Number(bestDice);
}
