import { join } from "node:path";
import { writeFileAtomic } from "../image/encode.node.js";
import type { Picture } from "../report/pictures.js";
import { runPage, type RunPage, type RunValidation } from "../train/runPage.js";
import { messageOf } from "./errors.js";
import { inMinutes } from "./format.js";
import { Progress } from "./progress.js";

/** Milliseconds between two writings of the page. */
const WRITE_EVERY = 10_000;

export interface TrainingViewOptions {
  /** The run's folder: the page is `report.html` in it. */
  readonly out: string;
  readonly title: string;
  readonly settings: RunPage["settings"];
  readonly totalSteps: number;
  readonly batch: number;
  /** What an earlier part of the run did; steps that are made again take the place of theirs. */
  readonly steps?: RunPage["steps"];
  readonly validations?: readonly RunValidation[];
}

/** What a person sees of a running training: the line on standard error, and the page. */
export class TrainingView {
  private readonly progress = new Progress("training");
  private readonly start = Date.now();
  private steps: RunPage["steps"][number][];
  private validations: RunValidation[];
  private done = 0;
  private pictures: readonly Picture[] = [];
  private lastWrite = 0;
  private isToldOf = false;

  constructor(private readonly options: TrainingViewOptions) {
    this.steps = [...(options.steps ?? [])];
    this.validations = [...(options.validations ?? [])];
  }

  async onStep(step: RunPage["steps"][number]): Promise<void> {
    if (this.done++ === 0) {
      this.steps = this.steps.filter((earlier) => earlier.step < step.step);
      this.validations = this.validations.filter((earlier) => earlier.step < step.step);
    }
    this.steps.push(step);
    const { totalSteps } = this.options;
    this.progress.update(step.step / totalSteps, this.line(step.step, step.loss));
    if (Date.now() - this.lastWrite > WRITE_EVERY) await this.write(true);
  }

  async onValidation(validation: RunValidation, pictures: readonly Picture[]): Promise<void> {
    this.validations.push(validation);
    this.pictures = pictures;
    await this.write(true);
  }

  /** Mean Dice of the first validation, before any step. */
  firstDice(): number | undefined {
    return this.validations.length === 0 ? undefined : meanOf(this.validations[0].dice);
  }

  /** Takes the line away and, where anything was done, writes the page as it stays. Call it whatever happened. */
  async end(): Promise<void> {
    this.progress.stop();
    if (this.lastWrite > 0) await this.write(false);
  }

  private line(step: number, loss: number): string {
    const { totalSteps, batch } = this.options;
    const seconds = (Date.now() - this.start) / 1000;
    const rest = ((totalSteps - step) * seconds) / this.done;
    const memory = process.memoryUsage().rss / 1e9;
    const last = this.validations.at(-1);
    const dice = last === undefined ? "" : `, Dice ${meanOf(last.dice).toFixed(3)}`;
    return (
      `step ${step} of ${totalSteps}, loss ${loss.toFixed(3)}${dice}, ${((batch * this.done) / seconds).toFixed(1)} images a ` +
      `second, ${inMinutes(rest)} left, ${memory.toFixed(1)} GB`
    );
  }

  private async write(running: boolean): Promise<void> {
    this.lastWrite = Date.now();
    const { out, title, settings, totalSteps } = this.options;
    const { steps, validations, pictures } = this;
    const last = steps.at(-1)?.step ?? 0;
    const page = runPage({
      ...{ title, settings, running, steps, validations, pictures },
      status: `${running ? "Running: step" : "Step"} ${last} of ${totalSteps}${bestOf(validations)}.`,
    });
    try {
      await writeFileAtomic(join(out, "report.html"), page);
    } catch (error) {
      // Weights and metrics are what the training is for; they tell of a full disk themselves.
      if (!this.isToldOf)
        console.error(`medsam: ${out}: cannot write report.html (${messageOf(error)}); the training goes on`);
      this.isToldOf = true;
    }
  }
}

function bestOf(validations: readonly RunValidation[]): string {
  if (validations.length === 0) return "";
  const means = validations.map(({ step, dice }) => ({ step, mean: meanOf(dice) }));
  const best = means.reduce((a, b) => (b.mean > a.mean ? b : a));
  return `; best mean Dice ${best.mean.toFixed(4)}, after step ${best.step}`;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
