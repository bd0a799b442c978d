import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { BatchJob } from "./batchWorker.node.js";
import type { EmbeddedBatch } from "./samples.js";

/** Batches that are made ready while the step runs. */
const AHEAD = 3;

/**
 * The batches of the steps from `first` on, made by a worker that runs a few steps ahead. Ends the worker when the
 * loop over it is left.
 */
export async function* batchesFrom(first: number, job: BatchJob): AsyncGenerator<EmbeddedBatch, never> {
  const worker = new Worker(new URL("./batchWorker.node.js", import.meta.url), { workerData: job });
  const ready: EmbeddedBatch[] = [];
  worker.on("message", (batch: EmbeddedBatch) => ready.push(batch));
  try {
    for (let step = first; step < first + AHEAD; step++) worker.postMessage(step);
    for (let step = first; ; step++) {
      while (ready.length === 0) await once(worker, "message"); // rejects when the worker fails
      const [batch] = ready.splice(0, 1);
      worker.postMessage(step + AHEAD);
      yield batch;
    }
  } finally {
    await worker.terminate();
  }
}
