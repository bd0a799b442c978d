import { matchingStart } from "../layers/glob.js";
import type { ModelConfig } from "../model/config.js";
import { configName, familyOf } from "../model/families.js";
import type { PromptableModel } from "../model/promptableModel.js";
import { CheckpointError } from "../weights/checkpoint.js";
import { compareTensors, type Comparison, type Tolerance } from "./compare.js";
import type { ParityReference } from "./reference.js";
import { watch, WHOLE, type TracedTensor } from "./trace.js";

/**
 * What a backend may depart from PyTorch by, for a value of any module. Rounding of another order of sums gives up to
 * 1e-5 of a module's largest value through all of ViT-B; GPUs have other roundings in their functions too.
 */
export const PARITY_TOLERANCE: Tolerance = { absolute: 5e-6, relative: 2e-5 };
/** The same on a GPU, whose functions round in other ways. */
export const GPU_PARITY_TOLERANCE: Tolerance = { absolute: 5e-5, relative: 2e-4 };

/** Rows in the order in which modules compute: the first that departs is where the fault is. */
export interface ParityResult {
  readonly rows: readonly Comparison[];
  readonly firstToDepart: Comparison | undefined;
}

/**
 * What a run gives beside what the modules announce, by its name in the dump: `input.*` was computed before the model,
 * such as the prepared image, and anything else after it.
 */
export type RunOutputs = ReadonlyMap<string, TracedTensor>;

/**
 * Compares a model with what PyTorch recorded, module by module, while it runs: one value at a time is in memory.
 *
 * @param run prepares the reference's pixels, predicts for its boxes, and gives the outputs.
 * @throws CheckpointError when the reference is of another configuration, or holds NaN.
 */
export async function compareWithReference(
  model: PromptableModel,
  reference: ParityReference,
  tolerance: Tolerance,
  run: () => Promise<RunOutputs>,
): Promise<ParityResult> {
  assertSameConfig(model.config, reference);
  const wanted = new Set(reference.paths);
  const seen = new Map<string, Comparison>();
  const compare = (path: string, got: TracedTensor | undefined) => {
    // A layer that runs twice leaves its last value, as PyTorch's hooks do; it keeps its place.
    seen.set(path, compareTensors(path, got, reference.read(path), tolerance));
  };
  const outputs = await watch(model, (path) => (wanted.has(path) ? [WHOLE] : []), compare, run);
  const modules = [...seen.values()];
  const around = [...outputs].map(([name, got]) =>
    compareTensors(name, got, reference.read(name), tolerance),
  );
  const before = around.filter(({ name }) => name.startsWith("input."));
  const after = around.filter((row) => !before.includes(row));
  const done = new Set(modules.map(({ name }) => name));
  const absent = reference.paths
    .filter((path) => !done.has(path))
    .map((path) => compareTensors(path, undefined, reference.read(path), tolerance));
  const rows = [...before, ...modules, ...absent, ...after];
  return { rows, firstToDepart: rows.find(({ ok }) => !ok) };
}

/** The part of a model that a path belongs to: one row of a short table. */
export function partOf(config: ModelConfig, path: string): string {
  const [, kind, inner] = /^(grad|after)\.(.*)$/.exec(path) ?? [];
  if (inner !== undefined) return `${kind}.${partOf(config, inner)}`;
  return matchingStart(familyOf(config).parts, path) ?? path;
}

/** The worst of each part's rows, parts in the order of the first row of each. */
export function worstByPart(config: ModelConfig, rows: readonly Comparison[]): Map<string, Comparison> {
  const worst = new Map<string, Comparison>();
  for (const row of rows) {
    const part = partOf(config, row.name);
    const present = worst.get(part);
    if (present === undefined || row.largest / row.allowed > present.largest / present.allowed)
      worst.set(part, row);
  }
  return worst;
}

function assertSameConfig(config: ModelConfig, { config: other, source }: ParityReference): void {
  const flat = (value: object, at = ""): [string, string][] =>
    Object.entries(value).flatMap(([key, item]: [string, unknown]) =>
      typeof item === "object" && item !== null && !Array.isArray(item)
        ? flat(item, `${at}${key}.`)
        : [[`${at}${key}`, JSON.stringify(item)] as [string, string]],
    );
  const theirs = new Map(flat(other));
  const differing = flat(config).filter(([key, value]) => theirs.get(key) !== value);
  if (differing.length > 0)
    throw new CheckpointError(
      `${source}: was made of another configuration than this checkpoint's (${configName(config)}): ` +
        differing
          .map(([key, value]) => `${key} is ${value}, in the dump ${theirs.get(key) ?? "absent"}`)
          .join("; "),
    );
}
