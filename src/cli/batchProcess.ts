// A worker process of a batch: jobs come from the process that forked it, and with that it ends.
import { messageOf } from "./errors.js";
import { startWorker, type WorkerJob, type WorkerMessage, type WorkerStart } from "./batchWorker.js";

const send = (message: WorkerMessage) => process.send?.(message);

// Ctrl-C reaches all processes of a terminal; the parent decides what becomes of it.
process.on("SIGINT", () => undefined);
process.on("disconnect", () => process.exit(1));
const never = new AbortController().signal;
const memory = () => Math.round(process.memoryUsage().rss / 1e6);
try {
  const worker = await startWorker(JSON.parse(process.argv[2]) as WorkerStart);
  process.on("message", (job: WorkerJob) => {
    worker.run(job, never).then(
      () => send({ kind: "done", megabytes: memory() }),
      (error: unknown) => {
        const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
        send({
          ...{ kind: "failed", error: messageOf(error), megabytes: memory() },
          ...(code !== undefined && { code }),
        });
      },
    );
  });
  // What loading left behind goes now and not some eighty cases later: memory is that of the cases from the first on.
  globalThis.gc?.();
  send({ kind: "ready", backend: worker.backend, notes: worker.notes });
} catch (error) {
  send({ kind: "fatal", error: messageOf(error) });
}
