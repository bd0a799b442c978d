import { Worker } from "node:worker_threads";
import { hashOf } from "../../weights/initial.js";
import type { TrainingCase } from "../cases.js";
import { DataError, type CaseFile, type Examined } from "./caseFile.js";
import { isVolume, type CaseReader, type ReadOptions } from "./caseReader.node.js";
import type { CaseAnswer, CaseJob } from "./caseWorker.node.js";

/** What reads cases: a `CaseReader`, or several of them in threads. */
export type CaseSource = Pick<CaseReader, "examine" | "read">;

interface Waiting {
  readonly resolve: (value: Examined | TrainingCase) => void;
  readonly reject: (reason: Error) => void;
}

/**
 * Reads cases in worker threads, several at a time, while the caller computes. The same answers as a `CaseReader`
 * gives. Slices of a volume all go to one thread, which keeps it. Idle threads do not keep the process alive.
 */
export class CasePool implements CaseSource {
  private readonly workers: readonly PoolWorker[];

  constructor(options: ReadOptions, threads: number) {
    this.workers = Array.from({ length: threads }, () => new PoolWorker(options));
  }

  /** As `CaseReader.examine`. */
  examine(file: CaseFile): Promise<Examined> {
    return this.workerFor(file).ask("examine", file) as Promise<Examined>;
  }

  /** As `CaseReader.read`. */
  read(file: CaseFile): Promise<TrainingCase> {
    return this.workerFor(file).ask("read", file) as Promise<TrainingCase>;
  }

  /** Ends the threads; what is still waited for is rejected. */
  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.close()));
  }

  private workerFor(file: CaseFile): PoolWorker {
    if (isVolume(file)) return this.workers[hashOf(file.image) % this.workers.length];
    return this.workers.reduce((least, worker) => (worker.pending < least.pending ? worker : least));
  }
}

class PoolWorker {
  private readonly waiting = new Map<number, Waiting>();
  private readonly worker: Worker;
  private asked = 0;
  private failure: Error | undefined;

  constructor(options: ReadOptions) {
    // Without the flags of this process: some are not for threads.
    const settings = { workerData: options, execArgv: [] };
    this.worker = new Worker(new URL("./caseWorker.node.js", import.meta.url), settings);
    this.worker.on("message", (answer: CaseAnswer) => this.settle(answer));
    this.worker.on("error", (error) =>
      this.fail(new Error(`a reading thread failed: ${error.message}`, { cause: error })),
    );
    this.worker.on("exit", () => this.fail(new Error("the reading threads are closed")));
    this.worker.unref(); // after "message", which takes a reference
  }

  get pending(): number {
    return this.waiting.size;
  }

  ask(what: CaseJob["what"], file: CaseFile): Promise<Examined | TrainingCase> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) return reject(this.failure);
      const number = this.asked++;
      this.waiting.set(number, { resolve, reject });
      this.worker.ref();
      this.worker.postMessage({ number, what, file } satisfies CaseJob);
    });
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }

  private settle({ number, value, error }: CaseAnswer): void {
    const waiting = this.waiting.get(number);
    this.waiting.delete(number);
    if (this.waiting.size === 0) this.worker.unref();
    if (value === undefined) waiting?.reject(new DataError(error ?? "no answer"));
    else waiting?.resolve(value);
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const { reject } of this.waiting.values()) reject(this.failure);
    this.waiting.clear();
  }
}
