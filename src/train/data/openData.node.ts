import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { intensityPreset } from "../../image/intensity.js";
import type { TrainingCase, TrainingData } from "../cases.js";
import {
  DataError,
  isAboutFile,
  type CaseFile,
  type Examined,
  type FoundCases,
  type Problem,
} from "./caseFile.js";
import { CasePool, type CaseSource } from "./casePool.node.js";
import { CaseReader } from "./caseReader.node.js";
import { findCases } from "./findCases.node.js";
import type { ObjectRule } from "./objects.js";
import { splitCases } from "./split.js";

/** How a folder or table of images and labels is read and split. */
export interface DataOptions {
  /** What counts as one object. Default `labels`, MedSAM's rule. */
  readonly objects?: ObjectRule;
  /** Name of an intensity preset. Default: pictures by their full range, volumes as `usualIntensity` says. */
  readonly intensity?: string;
  /**
   * The share of patients, volumes or films that validate, drawn from the seed unless the data say it themselves; or
   * the path of a data set of its own. Default 0.1; 0 for none.
   */
  readonly validation?: number | string;
  /** Default 0. */
  readonly seed?: number;
  /** Stop at the first file that cannot be used, rather than leave it out. Default false. */
  readonly strict?: boolean;
  /** Threads that read. Default 2; 0 reads where it is called. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  /** Told the share of files that were looked at. */
  readonly onProgress?: (share: number) => void;
}

/** A data set of which every file was read once. */
export interface OpenedData {
  readonly train: TrainingData;
  /** Of length 0 when nothing validates. */
  readonly validation: TrainingData;
  /** What was left out, and why. */
  readonly problems: readonly Problem[];
  /** What readers say of files that are used, such as one of several pages. */
  readonly warnings: readonly string[];
  /** Ends the reading threads. */
  close(): Promise<void>;
}

/**
 * Opens images and labels for training: a folder, a table, or MedSAM's npz (see `findCases`). All of it is read once,
 * so that nothing is found wrong in the middle of a training; files that cannot be used are left out and listed.
 * The same data and seed give the same cases in the same order, whatever the number of threads. Node only.
 *
 * @throws DataError when nothing can be used; with `strict`, when anything cannot.
 */
export async function openData(path: string, options: DataOptions = {}): Promise<OpenedData> {
  const { objects = "labels", intensity, validation = 0.1, seed = 0, threads = 2 } = options;
  if (intensity !== undefined) intensityPreset(intensity); // a wrong name is no fault of the files
  const readOptions = { objects, ...(intensity !== undefined && { intensity }) };
  const pool = threads === 0 ? undefined : new CasePool(readOptions, threads);
  const source: CaseSource = pool ?? new CaseReader(readOptions);
  const close = async () => pool?.close();
  try {
    const survey = (found: FoundCases, name: string) => surveyed(found, name, source, options);
    const own = await survey(await findCases(path), path);
    const other =
      typeof validation === "string" ? await survey(await findCases(validation), validation) : undefined;
    const sides =
      typeof validation === "number"
        ? splitCases(own.cases, { share: validation, seed })
        : { train: casesApartFrom(other?.cases ?? [], own.cases), validation: other?.cases ?? [] };
    return {
      train: await dataOf(sides.train, source, readOptions),
      validation: await dataOf(sides.validation, source, readOptions),
      problems: [...own.problems, ...(other?.problems ?? [])],
      warnings: [...own.warnings, ...(other?.warnings ?? [])],
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * What trains beside a data set of its own that validates: all but what the data themselves put aside to validate or
 * to test, and what is in both.
 *
 * @throws DataError when nothing is left.
 */
function casesApartFrom(validation: readonly CaseFile[], all: readonly CaseFile[]): CaseFile[] {
  const where = ({ image, slice = 0 }: CaseFile) => `${slice} of ${resolve(image)}`;
  const aside = new Set(validation.map(where));
  const train = all.filter((found) => (found.split ?? "train") === "train" && !aside.has(where(found)));
  if (train.length === 0)
    throw new DataError(
      `${all.length} cases give 0 to train on: all of them are there to test or to validate with; add data`,
    );
  return train;
}

async function dataOf(
  cases: readonly CaseFile[],
  source: CaseSource,
  reading: TrainingData["reading"] & object,
): Promise<TrainingData> {
  // Two data sets may have the same names, as generated ones do.
  const sizes = await Promise.all(
    cases.flatMap(({ image, labels }) => [image, labels]).map(async (path) => (await stat(path)).size),
  );
  return {
    length: cases.length,
    reading,
    contents: sizes.join(),
    idOf: (index) => cases[index].id,
    read: (index): Promise<TrainingCase> => source.read(cases[index]),
  };
}

/** Files that are read at the same time: enough to keep the threads busy. */
const AT_ONCE = 8;

/** Reads everything once, and leaves out what cannot be used. */
async function surveyed(
  found: FoundCases,
  name: string,
  source: CaseSource,
  { strict = false, signal, onProgress }: DataOptions,
): Promise<FoundCases & Pick<OpenedData, "warnings">> {
  const results: (Examined | Problem)[] = [];
  const unpaired = found.problems.map(({ id, reason }) => ({ id, reason: `${id}: ${reason}` }));
  if (strict && unpaired.length > 0) throw stopped(unpaired[0]);
  let next = 0;
  const work = async () => {
    while (next < found.cases.length) {
      signal?.throwIfAborted();
      const index = next++;
      const file = found.cases[index];
      onProgress?.(index / found.cases.length);
      try {
        results[index] = await source.examine(file);
      } catch (error) {
        signal?.throwIfAborted();
        if (!isAboutFile(error)) throw error;
        results[index] = { id: file.id, reason: error.message };
        if (!strict) continue;
        next = found.cases.length;
        throw stopped(results[index]);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const problems = [...unpaired, ...results.filter((result): result is Problem => "reason" in result)];
  const used = results.filter((result): result is Examined => "cases" in result);
  const cases = used.flatMap((result) => result.cases);
  if (cases.length === 0)
    throw new DataError(
      `${name}: none of its ${problems.length} files can be used for training; the first: ${problems[0].reason}`,
    );
  return { cases, problems, warnings: used.flatMap((result) => result.warnings) };
}

function stopped({ reason }: Problem): DataError {
  return new DataError(`${reason} (without strict, such files are left out and counted)`);
}
