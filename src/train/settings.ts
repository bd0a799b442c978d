import type { ModelConfig } from "../model/config.js";
import { familyOf } from "../model/families.js";
import type { TrainablePreset } from "../model/family.js";
import { constant, cosine, decayEvery, warmUp, type Schedule } from "./schedule.js";
import type { TrainableChoice } from "./select.js";

/** How the learning rate changes: not at all, down to nothing over the run, or by a factor at intervals. */
export type ScheduleChoice = "constant" | "cosine" | { readonly every: number; readonly gamma: number };

/** Everything that decides what a training does to the weights, as plain data: a run's configuration file. */
export interface TrainingSettings {
  /** What trains. Default `decoder`; MedSAM's own is `encoder+decoder`. */
  readonly train: TrainablePreset | TrainableChoice;
  /**
   * Adapters that are added where none are, for `train: "lora"`. Default: rank 4, on what the model's family names, for
   * SAM queries and values of the encoder.
   */
  readonly lora: { readonly rank: number; readonly alpha: number; readonly targets?: readonly string[] };
  /** Steps in all. */
  readonly steps: number;
  /** Images whose gradients are computed at once. Default 2, MedSAM's on one GPU. */
  readonly batch: number;
  /** Batches whose gradients make one step together. Default 1. */
  readonly accumulate: number;
  /** Objects of one image that a step learns from; they share its embedding. Default 1, as MedSAM. */
  readonly promptsPerImage: number;
  /** Default 1e-4, MedSAM's. */
  readonly learningRate: number;
  /** Default 0.01, MedSAM's. */
  readonly weightDecay: number;
  /** Whether norms and biases decay too. Default true, as MedSAM. */
  readonly decayNorms: boolean;
  readonly schedule: ScheduleChoice;
  /** Steps over which the learning rate rises first. Default 0. */
  readonly warmUp: number;
  /** Largest norm of all gradients together; larger ones are scaled down. Default 0: as they are. */
  readonly clip: number;
  /** `medsam` (Dice and cross-entropy) or `sam` (focal, Dice and the scores). Default `medsam`. */
  readonly loss: "medsam" | "sam";
  /** What the model is shown: boxes as MedSAM, points, or either as SAM, drawn a batch. Default `box`. */
  readonly prompts: "box" | "point" | "either";
  /** Most pixels of 1024 that the sides of a box move outwards. Default 20, MedSAM's. */
  readonly jitter: number;
  /**
   * Show the model a square around one object, of this many times the longer side of its box, as `SamPredictor` does
   * with its `crop`; 0 shows whole images, and so do prompts without a box. Default: the preset's.
   */
  readonly crop: number;
  /** Default false. */
  readonly flips: boolean;
  /** Default 0. Every random choice comes from it. */
  readonly seed: number;
}

/** MedSAM's recipe, for the mask decoder alone. */
export const DEFAULT_SETTINGS = {
  train: "decoder",
  lora: { rank: 4, alpha: 4 },
  batch: 2,
  accumulate: 1,
  promptsPerImage: 1,
  learningRate: 1e-4,
  weightDecay: 0.01,
  decayNorms: true,
  schedule: "constant",
  warmUp: 0,
  clip: 0,
  loss: "medsam",
  prompts: "box",
  jitter: 20,
  crop: 0,
  flips: false,
  seed: 0,
} as const satisfies Omit<TrainingSettings, "steps">;

/** Settings as a caller gives them: those left out have their defaults. */
export interface SettingsInput extends Partial<TrainingSettings> {
  readonly steps: number;
}

/** All settings, the defaults among them. @throws RangeError naming the setting, what came and what was expected. */
export function completeSettings(input: SettingsInput): TrainingSettings {
  const own = pickSettings(input);
  const settings: TrainingSettings = { ...DEFAULT_SETTINGS, ...own, steps: input.steps };
  const fail = (name: string, got: unknown, expected: string) => {
    throw new RangeError(`training: ${name} is ${JSON.stringify(got)}; expected ${expected}`);
  };
  for (const name of ["steps", "batch", "accumulate", "promptsPerImage"] as const)
    if (!(Number.isInteger(settings[name]) && settings[name] >= 1))
      fail(name, settings[name], "a whole number of at least 1");
  for (const name of ["warmUp", "seed"] as const)
    if (!(Number.isInteger(settings[name]) && settings[name] >= 0))
      fail(name, settings[name], "a whole number, 0 or more");
  for (const name of ["learningRate", "weightDecay", "clip", "jitter"] as const)
    if (!(Number.isFinite(settings[name]) && settings[name] >= 0))
      fail(name, settings[name], "a number, 0 or more");
  const choices = { loss: ["medsam", "sam"], prompts: ["box", "point", "either"] } as const;
  for (const name of ["loss", "prompts"] as const)
    if (!(choices[name] as readonly string[]).includes(settings[name]))
      fail(name, settings[name], `one of ${choices[name].join(", ")}`);
  if (!(settings.crop === 0 || (settings.crop >= 1 && Number.isFinite(settings.crop))))
    fail("crop", settings.crop, "at least 1, the times of the box's longer side, or 0 for whole images");
  if (settings.warmUp >= settings.steps)
    fail("warmUp", settings.warmUp, `less than steps, ${settings.steps}`);
  scheduleOf(settings);
  return settings;
}

/** Settings of which nothing is left to the model's family. */
export type ModelSettings = TrainingSettings & { readonly lora: { readonly targets: readonly string[] } };

/** `completeSettings` for a model. @throws as `completeSettings`. */
export function settingsFor(config: ModelConfig, input: SettingsInput): ModelSettings {
  const settings = completeSettings(input);
  return { ...settings, lora: { targets: familyOf(config).loraTargets, ...settings.lora } };
}

/** The settings among other things. */
function pickSettings(input: SettingsInput): Partial<TrainingSettings> {
  const names = Object.keys(DEFAULT_SETTINGS) as (keyof typeof DEFAULT_SETTINGS)[];
  return Object.fromEntries(
    names.flatMap((name) => (input[name] === undefined ? [] : [[name, input[name]]])),
  );
}

/** What the learning rate is multiplied by, by step. */
export function scheduleOf({ schedule, warmUp: rise, steps }: TrainingSettings): Schedule {
  const after = afterRise(schedule, steps - rise);
  return rise === 0 ? after : warmUp(rise, after);
}

function afterRise(schedule: ScheduleChoice, steps: number): Schedule {
  if (schedule === "constant") return constant;
  if (schedule === "cosine") return cosine(steps);
  if (typeof schedule === "object") return decayEvery(schedule.every, schedule.gamma);
  throw new RangeError(
    `training: schedule is ${JSON.stringify(schedule)}; expected constant, cosine or { every, gamma }`,
  );
}
