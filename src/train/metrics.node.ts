import { appendFile, readFile } from "node:fs/promises";
import { writeFileAtomic } from "../image/encode.node.js";
import type { TrainingStep } from "./trainer.js";
import type { ObjectScore } from "./validate.js";

/** A line of a run's `metrics.jsonl`: a step, or a validation after one. */
export type Metric =
  | (TrainingStep & { readonly time: string })
  | {
      readonly step: number;
      readonly time: string;
      readonly dice: number;
      readonly scores: readonly ObjectScore[];
    };

/** What happened in a run, one JSON document a line, in order. */
export class Metrics {
  private constructor(readonly path: string) {}

  /**
   * Takes up a file after `step`: later lines, and one that a kill cut off, are dropped.
   *
   * @param awaitsValidation that of `step` is to be made, again if a kill came before it counted.
   */
  static async open(path: string, step: number, awaitsValidation: boolean): Promise<Metrics> {
    const isKept = (metric: Metric) =>
      metric.step < step || (metric.step === step && !(awaitsValidation && "scores" in metric));
    const kept = (await readMetrics(path)).filter(isKept);
    await writeFileAtomic(path, kept.map(lineOf).join(""));
    return new Metrics(path);
  }

  async add(metric: Metric): Promise<void> {
    await appendFile(this.path, lineOf(metric));
  }
}

/** The lines of a file that are whole; none when there is no file. */
export async function readMetrics(path: string): Promise<Metric[]> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  });
  return text.split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line) as Metric];
    } catch {
      return []; // cut off by a kill
    }
  });
}

function lineOf(metric: Metric): string {
  return `${JSON.stringify(metric)}\n`;
}
