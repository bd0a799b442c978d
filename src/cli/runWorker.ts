import type { Job } from "bullmq";
import { availableParallelism, totalmem } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { BackendName } from "../backend/useBackend.js";
import { BatchFolder } from "./batchFolder.js";
import { BatchPlace, type Outcome } from "./batchPool.js";
import type { WorkerStart } from "./batchWorker.js";
import { messageOf } from "./errors.js";
import { thousands } from "./format.js";
import { connect, jobId, loadBullmq, redisPlace, type QueuedCase } from "./queue.js";
import { HOPELESS } from "./runBatch.js";

/** The options of `medsam worker`. */
export interface WorkerOptions {
  readonly redis: string;
  readonly queue: string;
  readonly backend: BackendName | "auto";
  readonly untilEmpty?: boolean;
}

/**
 * Milliseconds for which a case belongs to a worker that is not heard of. This process computes nothing itself, so it
 * is always heard of in time.
 */
const LOCK = 10_000;
/** Milliseconds between two looks at an empty queue. */
const LOOK = 1000;

/** Does cases of the queue, one after the other, until interrupted or, if asked, until there are none. */
export async function runWorker(options: WorkerOptions, signal: AbortSignal): Promise<void> {
  const place = redisPlace(options.redis);
  const { bullmq, Redis } = await loadBullmq();
  let away = false;
  const connection = connect(Redis, options.redis, { maxRetriesPerRequest: null }, (error) => {
    if (!away) console.error(`medsam: ${place}: ${messageOf(error)}; waiting for it`);
    away = true;
  });
  connection.on("ready", () => {
    if (away) console.error(`medsam: ${place}: is there again`);
    away = false;
  });
  const doer = new CaseDoer(options.backend);
  let [done, incomplete, failed] = [0, 0, 0];
  let hopeless: Error | undefined;
  const worker = new bullmq.Worker<QueuedCase>(
    options.queue,
    async ({ data }: Job<QueuedCase>) => {
      const outcome = await doer.run(data);
      for (const line of [...(outcome.warnings ?? []), ...(outcome.skipped ?? [])])
        console.error(`medsam: ${data.job.name}: ${line}`);
      if (outcome.error === undefined) {
        done++;
        if (outcome.skipped?.length) incomplete++;
        return;
      }
      failed++;
      console.error(`medsam: ${data.job.name}: ${outcome.error}`);
      if (outcome.code !== undefined && HOPELESS.has(outcome.code))
        hopeless = new Error(
          `${data.out}: cannot be written to (${outcome.error}); make room and submit again`,
        );
      throw new bullmq.UnrecoverableError(outcome.error);
    },
    // While it waits to look for Redis again, by default for 15 s, it cannot be stopped.
    { connection, lockDuration: LOCK, stalledInterval: LOCK, maxStalledCount: 100, runRetryDelay: LOOK },
  );
  worker.on("error", () => undefined); // the connection says it once; what is lost comes again
  const queue = new bullmq.Queue<QueuedCase>(options.queue, { connection });
  queue.on("error", () => undefined);
  try {
    while (!signal.aborted && hopeless === undefined) {
      if (options.untilEmpty) {
        const counts = await Promise.race([
          queue.getJobCounts("wait", "active", "delayed", "prioritized"),
          aborted(signal),
        ]);
        if (Object.values(counts).every((count) => count === 0)) break;
      }
      await sleep(LOOK, undefined, { signal });
    }
    if (hopeless !== undefined) throw hopeless;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    doer.stop();
    // A case that is stopped in the middle goes to another worker; without Redis there is nobody to tell.
    await Promise.race([worker.close(true), sleep(LOOK)]);
    connection.disconnect();
  }
  console.log(`${thousands(done)} cases done, ${thousands(failed)} failed`);
  if (signal.aborted) throw new Error("interrupted; what was begun goes to another worker");
  if (failed + incomplete > 0) process.exitCode = 1;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
}

/** Does queued cases in a process that has the weights and options of the last one loaded. */
class CaseDoer {
  private key = "";
  private place: BatchPlace | undefined;

  constructor(private readonly backend: BackendName | "auto") {}

  async run(data: QueuedCase): Promise<Partial<Outcome>> {
    const { job, out, settings, start } = data;
    let staged: string | undefined;
    try {
      // Also removes what a worker left that was killed at this very case.
      const folder = await BatchFolder.open(out, settings, jobId(data));
      if (await folder.isDone(job)) return {};
      staged = await folder.stage();
      const outcome = await this.placeFor(start).run({ job, staged, cases: folder.cases });
      if (outcome.error !== undefined) await folder.discard(staged);
      return outcome;
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
      return { error: messageOf(error), ...(code !== undefined && { code }) };
    }
  }

  stop(): void {
    this.place?.stop();
  }

  private placeFor(options: QueuedCase["start"]): BatchPlace {
    const start: WorkerStart = { ...options, backend: this.backend, threads: availableParallelism() };
    const key = JSON.stringify(start);
    if (this.place === undefined || key !== this.key) {
      this.place?.stop();
      this.place = new BatchPlace(start, (0.8 * totalmem()) / 1e6, (_, notes) => {
        for (const note of notes) console.error(`medsam: ${note}`);
      });
      this.key = key;
    }
    return this.place;
  }
}
