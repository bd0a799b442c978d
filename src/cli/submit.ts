import { Command } from "commander";
import { addImageOptions, followOption, strictOption } from "./modelOptions.js";
import { QUEUE } from "./queue.js";
import type { SubmitOptions } from "./runSubmit.js";

/** `medsam submit`: cases into a queue on Redis. */
export function submitCommand(): Command {
  return addImageOptions(
    new Command("submit")
      .summary("put the images of a table into a queue that many machines work on")
      .description(
        "Puts all cases of a table into a BullMQ queue on Redis, those that are done or queued left out; medsam worker, on " +
          "any number of machines, does them. Images, weights and the folder must be at the same path on all of them. " +
          "What failed before is queued again. Needs: npm install bullmq ioredis",
      )
      .argument("<table>", "as for medsam batch")
      .requiredOption("--redis <url>", "such as redis://host:6379")
      .requiredOption("--out <folder>", "where the results go, as for medsam batch")
      .option("--queue <name>", "queue on that Redis", QUEUE),
  )
    .addOption(followOption())
    .addOption(strictOption())
    .option("--json", "print one JSON document and nothing else")
    .addHelpText("after", "\nExample:\n  $ medsam submit cases.csv --redis redis://host:6379 --out results")
    .action(async (table: string, options: SubmitOptions) => {
      const { runSubmit } = await import("./runSubmit.js");
      await runSubmit(table, options);
    });
}
