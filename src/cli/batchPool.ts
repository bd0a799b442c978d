import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { CaseNotes, WorkerJob, WorkerMessage, WorkerStart } from "./batchWorker.js";

/** How a case went. */
export interface Outcome extends Partial<CaseNotes> {
  readonly worker: number;
  readonly megabytes: number;
  readonly error?: string;
  /** Of a system error, such as ENOSPC. */
  readonly code?: string;
}

const PROCESS = fileURLToPath(new URL("./batchProcess.js", import.meta.url));

/**
 * One place in a batch where cases are done, one after the other, in a process of its own. A process that grew beyond
 * the limit, or died, is followed by a new one.
 */
export class BatchPlace {
  private child: ChildProcess | undefined;
  private ready: Promise<void> | undefined;

  constructor(
    private readonly start: WorkerStart,
    /** Megabytes of memory after which a process is replaced. */
    private readonly limit: number,
    private readonly onReady: (backend: string, notes: readonly string[]) => void,
  ) {}

  /**
   * Does one case.
   *
   * @throws Error when the process cannot start: no case would go better.
   */
  async run(job: WorkerJob): Promise<Outcome> {
    this.ready ??= this.launch();
    await this.ready;
    const child = this.child!;
    const worker = child.pid ?? 0;
    const outcome = await new Promise<Outcome>((resolve) => {
      const onMessage = (message: WorkerMessage) => {
        if (message.kind === "done" || message.kind === "failed") finish({ ...message, worker });
      };
      const onExit = (status: number | null, signal: string | null) => {
        const why = signal === null ? `exit code ${status}` : signal;
        const error = `the worker process died (${why}); out of memory? fewer --workers need less`;
        finish({ worker, megabytes: 0, error });
      };
      const finish = (result: Outcome) => {
        child.off("message", onMessage).off("exit", onExit);
        resolve(result);
      };
      child.on("message", onMessage).on("exit", onExit);
      if (child.connected) child.send(job, () => undefined);
      else onExit(child.exitCode, child.signalCode);
    });
    if (outcome.megabytes === 0 || outcome.megabytes > this.limit) this.stop();
    return outcome;
  }

  /** Ends the process at once. What it had not finished leaves nothing behind. */
  stop(): void {
    this.child?.removeAllListeners("exit");
    this.child?.kill("SIGKILL");
    this.child = this.ready = undefined;
  }

  private launch(): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = fork(PROCESS, [JSON.stringify(this.start)], {
        execArgv: [...process.execArgv, "--expose-gc"],
        stdio: ["ignore", "ignore", "inherit", "ipc"],
      });
      this.child = child;
      const onExit = (status: number | null, signal: string | null) =>
        reject(new Error(`a worker process did not start (${signal ?? `exit code ${status}`})`));
      child.once("error", reject);
      child.once("exit", onExit);
      child.once("message", (message: WorkerMessage) => {
        child.off("exit", onExit);
        if (message.kind === "ready") {
          this.onReady(message.backend, message.notes);
          resolve();
        } else
          reject(new Error(message.kind === "fatal" ? message.error : "a worker process spoke too early"));
      });
    });
  }
}
