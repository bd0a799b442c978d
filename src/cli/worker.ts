import { Command } from "commander";
import { backendOption } from "./modelOptions.js";
import { QUEUE } from "./queue.js";
import type { WorkerOptions } from "./runWorker.js";

/** `medsam worker`: does the cases of a queue on Redis. */
export function workerCommand(signal: AbortSignal): Command {
  return new Command("worker")
    .summary("do the cases of a queue, on as many machines as you like")
    .description(
      "Does the cases that medsam submit put into a queue on Redis, one after the other, until Ctrl-C. A case whose " +
        "worker died goes to another one; Redis may go away and come back. Needs: npm install bullmq ioredis",
    )
    .requiredOption("--redis <url>", "such as redis://host:6379")
    .option("--queue <name>", "queue on that Redis", QUEUE)
    .addOption(backendOption())
    .option("--until-empty", "end when the queue is empty and no other worker is at a case")
    .addHelpText("after", "\nExample:\n  $ medsam worker --redis redis://host:6379 --until-empty")
    .action(async (options: WorkerOptions) => {
      const { runWorker } = await import("./runWorker.js");
      await runWorker(options, signal);
    });
}
