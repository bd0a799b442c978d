import { existsSync } from "node:fs";
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../image/encode.node.js";
import type { Checkpoint } from "../weights/checkpoint.js";
import { openCheckpointFile } from "../weights/open.node.js";
import { saveSafetensors } from "../weights/safetensors.node.js";
import type { TrainingCheckpoint } from "./finetune.js";
import type { TrainingStep } from "./trainer.js";
import { TrainingError } from "./trainer.js";

/** Everything that decides what a run does, as plain data; nested objects are compared as a whole. */
export type RunConfig = Readonly<Record<string, unknown>>;

/** A line of `metrics.jsonl`: a step, or a validation after so many. */
export type RunMetric = TrainingStep | { readonly step: number; readonly validation: readonly number[] };

const FILES = {
  config: "config.json",
  metrics: "metrics.jsonl",
  /** Parameters that train and the optimiser's state: what going on takes. */
  state: "state.safetensors",
  /** Whole models, for use. */
  last: "last.safetensors",
  best: "best.safetensors",
} as const;

/**
 * A training's folder. Every file but `metrics.jsonl` is replaced as a whole, and `state.safetensors` last of a
 * checkpoint: a kill at any moment leaves a state to go on from, and what was done after it is done again. Node only.
 */
export class RunFolder {
  private constructor(
    readonly path: string,
    /** What an earlier part of the run did, up to its last checkpoint. */
    readonly history: readonly RunMetric[],
    /** Where it went on from; undefined for a start. Close it after use. */
    readonly state: Checkpoint | undefined,
  ) {}

  /**
   * Starts a run in a folder, or goes on with the one that is there.
   *
   * @throws TrainingError when there is a run already, none to resume, or one with another configuration.
   */
  static async open(path: string, config: RunConfig, resume: boolean): Promise<RunFolder> {
    const configPath = join(path, FILES.config);
    if (!resume) {
      if (existsSync(configPath))
        throw new TrainingError(`${path}: holds a run already; resume it, or name another folder`);
      await mkdir(path, { recursive: true });
      await writeFileAtomic(join(path, FILES.metrics), "");
      await writeFileAtomic(configPath, `${JSON.stringify(config, null, 2)}\n`);
      return new RunFolder(path, [], undefined);
    }
    if (!existsSync(configPath))
      throw new TrainingError(`${path}: holds no run to resume (no ${FILES.config})`);
    assertSameConfig(path, JSON.parse(await readFile(configPath, "utf8")) as RunConfig, config);
    const statePath = join(path, FILES.state);
    const state = existsSync(statePath) ? openCheckpointFile(statePath) : undefined;
    const steps = Number(state?.metadata["step"] ?? -1);
    const history = parseMetrics(await readFile(join(path, FILES.metrics), "utf8")).filter(
      ({ step }) => step <= steps,
    );
    await writeFileAtomic(join(path, FILES.metrics), history.map(lineOf).join(""));
    return new RunFolder(path, history, state);
  }

  /** Path of one of its files. */
  file(which: keyof typeof FILES): string {
    return join(this.path, FILES[which]);
  }

  async log(metric: RunMetric): Promise<void> {
    await appendFile(this.file("metrics"), lineOf(metric));
  }

  /** @throws TrainingError when it cannot be written; the last checkpoint is as it was. */
  save({ step, state, metadata, model, isBest }: TrainingCheckpoint): void {
    try {
      const about = { format: "pt", step: String(step) };
      saveSafetensors(this.file("last"), model, about);
      if (isBest) saveSafetensors(this.file("best"), model, about);
      saveSafetensors(this.file("state"), state, metadata);
    } catch (error) {
      if (!(error instanceof Error && "syscall" in error)) throw error;
      throw new TrainingError(
        `${this.path}: step ${step} cannot be saved (${error.message}); the checkpoint before it is as it was: make ` +
          "room and resume",
        { cause: error },
      );
    }
  }
}

function assertSameConfig(path: string, saved: RunConfig, config: RunConfig): void {
  const now = JSON.parse(JSON.stringify(config)) as RunConfig;
  const differences = [...new Set([...Object.keys(saved), ...Object.keys(now)])].flatMap((name) => {
    const [before, after] = [saved[name], now[name]].map((value) => JSON.stringify(value) ?? "nothing");
    return before === after ? [] : [`${name} was ${before}, is ${after}`];
  });
  if (differences.length > 0)
    throw new TrainingError(
      `${path}: cannot be resumed with another configuration: ${differences.join("; ")}. Name what was, or start a ` +
        "run in another folder",
    );
}

function lineOf(metric: RunMetric): string {
  return `${JSON.stringify(metric)}\n`;
}

/** A kill may have left the last line half written. */
function parseMetrics(text: string): RunMetric[] {
  const lines = text.split("\n");
  return lines.slice(0, -1).map((line) => JSON.parse(line) as RunMetric);
}
