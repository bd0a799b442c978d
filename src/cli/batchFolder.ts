import { existsSync } from "node:fs";
import { appendFile, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../image/encode.node.js";
import type { CaseOptions } from "./caseOptions.js";
import { messageOf } from "./errors.js";
import { describePrompt, type SegmentResult } from "./segmentImage.js";
import { isVolume, type CaseJob } from "./segmentJobs.js";
import type { VolumeDocument } from "./volumeCase.js";

/** What decides how a batch's results look: the same for all that go into one folder. */
export interface BatchSettings extends CaseOptions {
  readonly checkpoint: string;
  readonly checkpointSha256: string;
}

/** A finished case, as the log has it: one JSON object a line. */
export interface LogLine {
  readonly case: string;
  readonly time: string;
  readonly seconds: number;
  /** The worker process, and its memory in MB after the case. */
  readonly worker: number;
  readonly megabytes: number;
  /** Why it failed. */
  readonly error?: string;
  readonly warnings?: readonly string[];
  /** Objects that were skipped, and why. */
  readonly skipped?: readonly string[];
}

/**
 * The folder of a batch. `cases/` holds what `medsam segment` writes; a case's JSON comes last, so where it is, the
 * case is done and whole. Everything is first made in `staging/` and moved when it is complete.
 */
export class BatchFolder {
  readonly cases: string;
  private readonly staging: string;

  /** @param part of the batch that this process does, such as `1-of-8`; empty for all of it. */
  private constructor(
    readonly path: string,
    private readonly part: string,
  ) {
    this.cases = join(path, "cases");
    this.staging = join(path, "staging");
  }

  /**
   * Makes the folder, or opens it to go on.
   *
   * @throws Error when it holds something else, or a batch with other settings.
   */
  static async open(path: string, settings: BatchSettings, part: string): Promise<BatchFolder> {
    const folder = new BatchFolder(path, part);
    const file = join(path, "batch.json");
    const wanted = `${JSON.stringify({ package: "medsam-tfjs", settings }, null, 2)}\n`;
    await mkdir(path, { recursive: true });
    if (existsSync(file)) {
      const found = await readFile(file, "utf8");
      if (found !== wanted)
        throw new Error(`${path}: ${differences(found, settings)}; change it back, or choose another --out`);
    } else {
      const others = (await readdir(path)).filter((name) => !name.startsWith("batch.json"));
      if (others.length > 0)
        throw new Error(
          `${path}: is not empty and no batch (it has ${others[0]}); choose another folder with --out`,
        );
      await writeFileAtomic(file, wanted);
    }
    await mkdir(folder.cases, { recursive: true });
    await mkdir(folder.staging, { recursive: true });
    // What a process that was killed left behind; other parts' are left alone.
    for (const name of await readdir(folder.staging))
      if (name.startsWith(`part${part}-`)) await rm(join(folder.staging, name), { recursive: true });
    return folder;
  }

  /** A folder to make one case in, moved by `publish`. */
  async stage(): Promise<string> {
    return mkdtemp(join(this.staging, `part${this.part}-`));
  }

  /** Removes what a case that failed left in its folder. */
  async discard(staged: string): Promise<void> {
    await rm(staged, { recursive: true, force: true });
  }

  /**
   * Whether a case is there and complete: one in which objects were skipped is tried again, as one that failed is.
   *
   * @throws Error when it was made by other prompts than the job has.
   */
  async isDone(job: CaseJob): Promise<boolean> {
    const file = join(this.cases, `${job.name}.json`);
    let text: string;
    try {
      text = await readFile(file, "utf8");
    } catch {
      return false;
    }
    try {
      if (hasSkipped(text)) return false;
      if (madeBy(text) === askedBy(job)) return true;
    } catch (error) {
      throw new Error(`${file}: is no result of medsam (${messageOf(error)}); remove it`, { cause: error });
    }
    throw new Error(
      `${file}: was made with other prompts than the table has now; remove it, or choose another --out`,
    );
  }

  async log(line: LogLine): Promise<void> {
    await appendFile(join(this.path, `log${this.suffix}.jsonl`), `${JSON.stringify(line)}\n`);
  }

  /** Written at the end: `summary.json`, of a part `summary_1-of-8.json`. */
  async writeSummary(summary: object): Promise<string> {
    const file = join(this.path, `summary${this.suffix}.json`);
    await writeFileAtomic(file, `${JSON.stringify(summary, null, 2)}\n`);
    return file;
  }

  private get suffix(): string {
    return this.part === "" ? "" : `_${this.part}`;
  }
}

/** The prompts of a result, and of a job, as text. */
function madeBy(text: string): string {
  const { objects, prompts } = JSON.parse(text) as SegmentResult & Partial<Pick<VolumeDocument, "prompts">>;
  return JSON.stringify(prompts ?? objects.map(({ box, points }) => ({ box, points })));
}

function hasSkipped(text: string): boolean {
  const { skipped = [] } = JSON.parse(text) as Partial<Pick<SegmentResult, "skipped">>;
  return skipped.length > 0;
}

function askedBy(job: CaseJob): string {
  return JSON.stringify(isVolume(job) ? job.objects : job.targets.map(describePrompt));
}

/** Moves a case's files to where they stay, its JSON last. */
export async function publish(staged: string, cases: string): Promise<void> {
  const files = await readdir(staged);
  const isJson = (file: string) => file.endsWith(".json");
  for (const file of [...files.filter((one) => !isJson(one)), ...files.filter(isJson)])
    await rename(join(staged, file), join(cases, file));
  await rm(staged, { recursive: true });
}

function differences(found: string, settings: BatchSettings): string {
  try {
    const { settings: before } = JSON.parse(found) as { settings: BatchSettings };
    const keys = [...new Set([...Object.keys(before), ...Object.keys(settings)])] as (keyof BatchSettings)[];
    const other = keys.filter((key) => before[key] !== settings[key]);
    const list = other.map((key) => `${key} ${String(before[key])}, not ${String(settings[key])}`);
    return `holds a batch with other settings (${list.join("; ") || "of another version"})`;
  } catch {
    return "holds a batch.json that is not of medsam";
  }
}
