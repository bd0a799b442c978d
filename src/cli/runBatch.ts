import { availableParallelism, totalmem } from "node:os";
import { EMBEDDED_CHECKPOINT } from "../loadMedSam.node.js";
import { findCheckpoint, hashFile } from "../weights/open.node.js";
import { basename } from "node:path";
import { BatchFolder, type BatchSettings, type LogLine } from "./batchFolder.js";
import { BatchPlace } from "./batchPool.js";
import type { WorkerStart } from "./batchWorker.js";
import { assertCaseOptions, caseOptions, type CaseOptions } from "./caseOptions.js";
import { messageOf, UsageError } from "./errors.js";
import { inMinutes, thousands } from "./format.js";
import { localWeights, pinnedWeights } from "./localWeights.js";
import { Progress } from "./progress.js";
import { assertPreset, type SegmentOptions } from "./runSegment.js";
import { collectCases, type CaseJob } from "./segmentJobs.js";

/** A part of a batch: number `index` of `count`, from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** The options of `medsam batch`. */
export interface BatchOptions extends Omit<SegmentOptions, "box" | "point" | "boxes" | "slice">, CaseOptions {
  readonly workers?: number;
  readonly maxMemory?: number;
  readonly shard?: Shard;
}

/** System errors that no other case would escape. */
export const HOPELESS: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EROFS", "EIO"]);

function isHopeless(error: unknown): error is Error {
  return error instanceof Error && "code" in error && HOPELESS.has(String(error.code));
}

interface CaseLine {
  readonly case: string;
  readonly error: string;
}

/** What is said at the end, and in summary.json. */
interface BatchSummary {
  readonly cases: number;
  /** Those that were done before this run began. */
  readonly before: number;
  readonly done: number;
  readonly failed: readonly CaseLine[];
  /** Objects that were skipped in cases that are done. */
  readonly skipped: readonly CaseLine[];
  /** Rows of the table that are of no case. */
  readonly badRows: readonly string[];
  readonly seconds: number;
  readonly backend?: string;
  readonly shard?: string;
}

/** Segments all cases of a table, several at a time, those that are done left out. */
export async function runBatch(manifest: string, given: BatchOptions, signal: AbortSignal): Promise<void> {
  assertPreset(given);
  const checkpoint = given.checkpoint && (await pinnedWeights(given.checkpoint, signal));
  const options = { ...given, ...(checkpoint !== undefined && { checkpoint }) };
  const { shard, out, strict = false } = options;
  const { jobs: all, badRows: found } = collectCases(manifest, strict);
  await assertCaseOptions(all, options);
  const jobs = all.filter((_, index) => shard === undefined || index % shard.count === shard.index - 1);
  // Of several parts the first says what is of none.
  const badRows = shard === undefined || shard.index === 1 ? found : [];
  const part = shard === undefined ? "" : `${shard.index}-of-${shard.count}`;
  const folder = await BatchFolder.open(out, await settingsOf(options), part);
  const waiting: CaseJob[] = [];
  for (const job of jobs) if (!(await folder.isDone(job))) waiting.push(job);
  const before = jobs.length - waiting.length;
  if (before > 0)
    console.error(`medsam: ${thousands(before)} of ${thousands(jobs.length)} cases are done already`);

  const start = Date.now();
  const failed: CaseLine[] = [];
  const [skipped, warnings]: [CaseLine[], CaseLine[]] = [[], []];
  let [finished, backend] = [0, undefined as string | undefined];
  const progress = new Progress("starting");
  const onReady = (name: string, notes: readonly string[]) => {
    if (backend === undefined) for (const note of notes) console.error(`medsam: ${note}`);
    backend = name;
  };
  const places = placesFor(options, waiting.length, onReady);
  const interrupt = () => places.forEach((place) => place.stop());
  const aborted = new Promise<never>((_, reject) =>
    signal.addEventListener("abort", () => {
      interrupt();
      reject(signal.reason as Error);
    }),
  );
  const work = async (place: BatchPlace) => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const from = Date.now();
      const staged = await folder.stage();
      const outcome = await Promise.race([place.run({ job, staged, cases: folder.cases }), aborted]);
      const { error, code, worker, megabytes, ...notes } = outcome;
      if (error !== undefined) await folder.discard(staged);
      if (code !== undefined && HOPELESS.has(code)) throw Object.assign(new Error(error), { code });
      finished += error === undefined ? 1 : 0;
      if (error !== undefined) failed.push({ case: job.name, error });
      for (const line of notes.skipped ?? []) skipped.push({ case: job.name, error: line });
      for (const line of notes.warnings ?? []) warnings.push({ case: job.name, error: line });
      if (error !== undefined && strict) waiting.length = 0;
      const line: LogLine = {
        ...{ case: job.name, time: new Date().toISOString(), seconds: (Date.now() - from) / 1000 },
        ...{ worker, megabytes, ...(error !== undefined && { error }) },
        ...(notes.warnings?.length && { warnings: notes.warnings }),
        ...(notes.skipped?.length && { skipped: notes.skipped }),
      };
      await folder.log(line);
      const through = finished + failed.length;
      const left = ((jobs.length - before - through) * (Date.now() - start)) / 1000 / through;
      progress.update(
        (before + through) / jobs.length,
        `${before + through} of ${jobs.length} cases, ${failed.length} failed, ${inMinutes(left)} left`,
      );
    }
  };
  try {
    signal.throwIfAborted();
    await Promise.all(places.map(work));
  } catch (error) {
    if (signal.aborted) throw new Error("interrupted; the same command goes on", { cause: error });
    if (!isHopeless(error)) throw error;
    throw new Error(
      `${out}: cannot be written to (${error.message}); ${thousands(before + finished)} cases are done and whole. ` +
        "Make room and run the same command again",
      { cause: error },
    );
  } finally {
    progress.stop();
    interrupt();
  }
  const summary: BatchSummary = {
    ...{ cases: jobs.length, before, done: before + finished, failed, skipped, badRows },
    seconds: Math.round((Date.now() - start) / 100) / 10,
    ...(backend !== undefined && { backend }),
    ...(part !== "" && { shard: part }),
  };
  const file = await folder.writeSummary(summary);
  for (const { case: id, error } of warnings) console.error(`medsam: ${id}: ${error}`);
  report(summary, folder.cases, file, options.json === true);
}

/** What decides how results look, the weights by their content. */
export async function settingsOf(
  options: Pick<BatchOptions, "checkpoint"> & CaseOptions,
): Promise<BatchSettings> {
  const weights = await localWeights(options.checkpoint ?? EMBEDDED_CHECKPOINT);
  const path = findCheckpoint(weights.path);
  try {
    const checkpointSha256 = await hashFile(path);
    return { checkpoint: weights.hub?.address ?? basename(path), checkpointSha256, ...caseOptions(options) };
  } catch (error) {
    throw new UsageError(`${path}: cannot be read (${messageOf(error)})`);
  }
}

function placesFor(
  options: BatchOptions,
  cases: number,
  onReady: (backend: string, notes: readonly string[]) => void,
): BatchPlace[] {
  const processors = availableParallelism();
  const { workers = Math.max(1, Math.floor(processors / 4)), checkpoint, backend } = options;
  const count = Math.min(workers, cases);
  const limit = options.maxMemory ?? (0.8 * totalmem()) / 1e6 / Math.max(1, count);
  const start: WorkerStart = {
    ...{ backend, strict: options.strict === true, ...caseOptions(options) },
    threads: Math.max(1, Math.floor(processors / Math.max(1, count))),
    ...(checkpoint !== undefined && { checkpoint }),
  };
  return Array.from({ length: count }, () => new BatchPlace(start, limit, onReady));
}

function report(summary: BatchSummary, cases: string, file: string, json: boolean): void {
  const { failed, skipped, badRows, done, cases: count, seconds } = summary;
  for (const line of badRows) console.error(`medsam: ${line}`);
  for (const { case: id, error } of [...skipped, ...failed]) console.error(`medsam: ${id}: ${error}`);
  if (failed.length + skipped.length + badRows.length > 0) process.exitCode = 1;
  const left = count - done - failed.length;
  if (left > 0) console.error(`medsam: stopped there, as --strict says; cases not done: ${thousands(left)}`);
  if (json) console.log(JSON.stringify(summary, null, 2));
  else {
    console.log(
      `${thousands(done)} of ${thousands(count)} cases done, ${failed.length} failed, ${inMinutes(seconds)}`,
    );
    console.log(`${cases}  the results\n${file}  what failed, and why`);
    console.log("Not for clinical use.");
  }
}
