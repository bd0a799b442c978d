// A worker process of a batch: jobs come from the process that forked it, and with that it ends.
import { messageOf } from "./errors.js";
import { startWorker, type WorkerJob, type WorkerMessage, type WorkerStart } from "./batchWorker.js";

const send = (message: WorkerMessage) => process.send?.(message);

// Ctrl-C reaches all processes of a terminal; the parent decides what becomes of it.
process.on("SIGINT", () => undefined);
process.on("disconnect", () => process.exit(1));
const never = new AbortController().signal;
/** Megabytes that are held: what loading and the case left behind goes now, and not when V8 sees fit, cases later. */
const memory = () => {
  globalThis.gc?.();
  return Math.round(process.memoryUsage().rss / 1e6);
};
try {
  const worker = await startWorker(JSON.parse(process.argv[2]) as WorkerStart);
  process.on("message", (job: WorkerJob) => {
    worker.run(job, never).then(
      (notes) => send({ kind: "done", megabytes: memory(), ...notes }),
      (error: unknown) => {
        const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
        send({
          ...{ kind: "failed", error: messageOf(error), megabytes: memory() },
          ...(code !== undefined && { code }),
        });
      },
    );
  });
  send({ kind: "ready", backend: worker.backend, notes: worker.notes });
} catch (error) {
  send({ kind: "fatal", error: messageOf(error) });
}
