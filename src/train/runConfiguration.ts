import * as tf from "@tensorflow/tfjs";
import { readConfig, type ModelConfig } from "../model/config.js";
import { digest, weightsDigest } from "../predictor/embeddingCache.js";
import type { TrainingData } from "./cases.js";
import type { FinetuneOptions } from "./finetune.js";
import { settingsFor, type ModelSettings } from "./settings.js";

/** Everything that a run's weights depend on, as plain data: what two runs must share to be the same. */
export interface RunConfiguration {
  readonly settings: ModelSettings;
  readonly validateEvery: number;
  readonly preset: string;
  /** Two backends round differently. */
  readonly backend: string;
  readonly model: { readonly config: ModelConfig; readonly weights: string };
  readonly data: DataIdentity;
  readonly validation?: DataIdentity;
}

/** Which cases, in which order. */
interface DataIdentity {
  readonly cases: number;
  /** SHA-256 of their names. */
  readonly ids: string;
  /** SHA-256 of what tells data of the same names apart. */
  readonly contents?: string;
  readonly reading?: TrainingData["reading"];
}

/** @param options with the model as it is before any step. */
export async function runConfiguration(
  options: FinetuneOptions & { readonly preset: NonNullable<FinetuneOptions["preset"]> },
): Promise<RunConfiguration> {
  const { model, data, validation, preset, validateEvery = 100 } = options;
  return {
    settings: settingsFor(model.config, options),
    validateEvery,
    preset: preset.name,
    backend: tf.getBackend(),
    model: { config: model.config, weights: await weightsDigest(model.namedParameters()) },
    data: await identityOf(data),
    ...(validation && validation.length > 0 && { validation: await identityOf(validation) }),
  };
}

async function identityOf(data: TrainingData): Promise<DataIdentity> {
  const ids = Array.from({ length: data.length }, (_, index) => data.idOf(index));
  const hash = (text: string) => digest([new TextEncoder().encode(text)]);
  return {
    cases: data.length,
    ids: await hash(JSON.stringify(ids)),
    ...(data.contents !== undefined && { contents: await hash(data.contents) }),
    ...(data.reading && { reading: data.reading }),
  };
}

/**
 * Where two configurations differ, one line each: `settings.batch: 2, now 4`. The number of steps may differ where
 * the schedule does not depend on it: a run may go on longer.
 *
 * @param before what a run's file holds.
 */
export function configurationDifferences(before: unknown, now: RunConfiguration): string[] {
  const [old, present] = [flattened(withFamily(before)), flattened(now)];
  if (now.settings.schedule !== "cosine") for (const side of [old, present]) side.delete("settings.steps");
  const names = [...new Set([...old.keys(), ...present.keys()])];
  return names
    .filter((name) => old.get(name) !== present.get(name))
    .map((name) => `${name}: ${old.get(name) ?? "not there"}, now ${present.get(name) ?? "not there"}`);
}

/** The same with a model's configuration that names its family. */
function withFamily(before: unknown): unknown {
  const { model, ...others } = (before ?? {}) as Partial<RunConfiguration>;
  if (model?.config === undefined) return before;
  return { ...others, model: { ...model, config: readConfig(model.config) } };
}

/** The leaves of a JSON value as text, by path. */
function flattened(value: unknown, path = "", into = new Map<string, string>()): Map<string, string> {
  if (typeof value !== "object" || value === null) return into.set(path, JSON.stringify(value));
  for (const [key, item] of Object.entries(value))
    flattened(item, path === "" ? key : `${path}.${key}`, into);
  return into;
}
