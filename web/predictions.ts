import type { PixelImage } from "../src/image/pixels.js";
import type { Prompt } from "../src/predictor/types.js";
import { isFatal, type Engine } from "./engine.js";
import { givesSeveral, intensityOf, sessionOf, showError, type App } from "./state/app.js";
import { CROP } from "./state/document.js";
import { isEmptyQuery, type Query, type SlicePrompt } from "./state/session.js";
import type { Answer, MaskFacts } from "./workers/modelWorker.js";

/** An answer on the screen: one candidate of a prediction. */
export interface Candidate {
  readonly index: number;
  readonly count: number;
  readonly scores: readonly number[];
  readonly mask: Answer["masks"][number];
  readonly facts: MaskFacts;
  readonly logits: Answer["lowResLogits"][number];
}

/** Milliseconds after which the page says what it is at. */
const SOON = 300;

/** A query to answer, and the slice that it is asked on. */
interface Task {
  readonly query: Query;
  readonly slice: number;
}

/**
 * Asks the model for every mask that is missing, one after the other: what is being drawn first, then the slice
 * that is shown, then the others. Answers are kept by query, so that going back shows them at once.
 */
export class Predictions {
  private answers = new WeakMap<Query, Answer>();
  private refused = new WeakSet<Query>();
  private preview: Task | undefined;
  /** What the model's worker has encoded. */
  private encoded: string | undefined;
  private encoding: { readonly key: string; readonly controller: AbortController } | undefined;
  /** A prediction under way, whether its query is still being drawn, and what stops it. */
  private answering: (Task & { readonly drawn: boolean; readonly controller: AbortController }) | undefined;
  private running = false;
  /** After the user cancelled: nothing is encoded before something is asked again. */
  private paused = false;

  constructor(
    private readonly app: App,
    private readonly engine: () => Engine,
    private readonly readSlice: (slice: number) => Promise<PixelImage>,
  ) {}

  /** The picked candidate, once the model has answered. */
  candidate({ query, candidate }: SlicePrompt): Candidate | undefined {
    const answer = this.answers.get(query);
    if (answer === undefined) return undefined;
    const { scores, masks, facts, lowResLogits } = answer;
    const best = scores.reduce((at, score, n) => (score > scores[at] ? n : at), 0);
    const index = candidate !== undefined && candidate < masks.length ? candidate : best;
    return { index, count: masks.length, scores, mask: masks[index], facts: facts[index], logits: lowResLogits[index] }; // prettier-ignore
  }

  /** Answers a query that is still being drawn; a newer one takes its place. */
  show(query: Query | undefined): void {
    this.preview = query && { query, slice: this.app.value.slice };
    this.wake();
  }

  /** Forgets what the model's worker knows, after it or the model was replaced. */
  restart({ keepAnswers }: { readonly keepAnswers: boolean }): void {
    this.encoding?.controller.abort();
    this.answering?.controller.abort();
    this.encoded = undefined;
    this.refused = new WeakSet();
    if (!keepAnswers) this.answers = new WeakMap();
    this.app.update({ answers: this.app.value.answers + 1 });
    this.wake();
  }

  /** Looks for work; called whenever something changed. */
  wake(): void {
    this.paused = false;
    if (this.encoding && this.encoding.key !== this.keyOf(this.next()?.slice ?? this.app.value.slice))
      this.encoding.controller.abort();
    // Once the drawing is over, only what was placed is wanted; with a crop, anything else may take long.
    if (this.answering?.drawn && !this.preview && this.next()?.query !== this.answering.query)
      this.answering.controller.abort();
    if (!this.running) void this.run();
  }

  /** Resolves when every mask is there, or cannot be had. */
  async settled(): Promise<void> {
    while (this.running) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  private async run(): Promise<void> {
    this.running = true;
    try {
      for (;;) {
        const { image } = this.app.value;
        const worker = this.engine().worker;
        if (image === undefined || worker === undefined || this.paused) return;
        const task = this.next();
        const slice = task?.slice ?? this.app.value.slice;
        if (this.encoded !== this.keyOf(slice)) await this.encode(slice);
        else if (task === undefined) return;
        else await this.answer(task);
      }
    } finally {
      this.running = false;
    }
  }

  private next(): Task | undefined {
    const missing = ({ query }: Task) => !this.answers.has(query) && !this.refused.has(query) && !isEmptyQuery(query); // prettier-ignore
    if (this.preview && missing(this.preview)) return this.preview;
    const here = this.app.value.slice;
    const tasks = sessionOf(this.app.value).objects.flatMap(({ prompts }) =>
      [...prompts].map(([slice, { query }]): Task => ({ slice, query })),
    );
    const open = tasks.filter(missing);
    return open.find(({ slice }) => slice === here) ?? open[0];
  }

  /** What an embedding depends on. */
  private keyOf(slice: number): string {
    const { image, preset, model, crop } = this.app.value;
    return JSON.stringify([image?.sha256, slice, preset, intensityOf(this.app.value), crop, model?.sha256]);
  }

  private async encode(slice: number): Promise<void> {
    const { preset, crop } = this.app.value;
    const worker = this.engine().worker;
    const key = this.keyOf(slice);
    const controller = new AbortController();
    this.encoding = { key, controller };
    const show = this.progress("Encoding", controller);
    let isRead = false; // until then an error is not the model's
    try {
      const image = await this.readSlice(slice);
      isRead = true;
      show(0);
      const start = performance.now();
      this.encoded = undefined;
      const intensity = intensityOf(this.app.value);
      const encoded = await worker?.call(
        "encode",
        { image, preset, crop: crop ? CROP : 0, ...(intensity !== undefined && { intensity }) },
        { signal: controller.signal, onProgress: show },
      );
      // What came although it was stopped may be of a model that is gone.
      controller.signal.throwIfAborted();
      this.encoded = key;
      this.app.update({ memory: encoded?.memory });
      performance.measure("medsam encode", { start });
    } catch (error) {
      if (controller.signal.aborted) return;
      if (isRead && isFatal(error)) this.engine().failed(error);
      else showError(this.app, error);
      this.paused = true;
    } finally {
      if (this.encoding?.controller === controller) this.encoding = undefined;
      this.app.update({ activity: undefined });
    }
  }

  /** Shows how far something is, and lets the user cancel it. */
  private progress(what: string, controller: AbortController): (share: number) => void {
    const cancel = () => {
      controller.abort();
      this.paused = true;
    };
    return (share) =>
      this.app.update({ activity: { what: `${what} with ${this.app.value.model?.name}`, share, cancel } });
  }

  private async answer(task: Task): Promise<void> {
    const { query } = task;
    const drawn = task === this.preview;
    const isLong = this.app.value.crop && !drawn;
    // Those of these settings: when others are set meanwhile, this one is not among theirs.
    const { answers } = this;
    const controller = new AbortController();
    const show = this.progress("Encoding the crop", controller);
    this.answering = { ...task, drawn, controller };
    try {
      const worker = this.engine().worker;
      const start = performance.now();
      const prediction = await worker?.call(
        "predict",
        { prompt: promptOf(query), multimask: query.multimask && givesSeveral(this.app.value) },
        {
          signal: controller.signal,
          // Without a crop, or by a small model, it is a moment's work.
          onProgress: (share) => {
            if (isLong && performance.now() - start > SOON) show(share);
          },
        },
      );
      if (prediction === undefined) return;
      performance.measure("medsam decode", { start });
      answers.set(query, prediction);
      this.app.update({ answers: this.app.value.answers + 1 });
    } catch (error) {
      if (controller.signal.aborted) return;
      if (isFatal(error)) {
        this.paused = true;
        this.engine().failed(error);
        return;
      }
      this.refused.add(query);
      showError(this.app, error);
    } finally {
      if (this.answering?.controller === controller) this.answering = undefined;
      if (isLong) this.app.update({ activity: undefined });
    }
  }
}

/** The query as the predictor takes it. */
export function promptOf({ box, points, maskInput }: Query): Prompt {
  return {
    ...(box && { box }),
    ...(points.length > 0 && {
      pointCoords: points.map(({ at }) => at),
      pointLabels: points.map(({ label }) => label),
    }),
    ...(maskInput && { maskInput }),
  };
}
