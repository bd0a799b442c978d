import { Command, InvalidArgumentError } from "commander";
import { addImageOptions, backendOption, followOption, strictOption } from "./modelOptions.js";
import type { BatchOptions, Shard } from "./runBatch.js";
import { wholeNumber } from "./synthesize.js";

/** `medsam batch`: all cases of a table. */
export function batchCommand(signal: AbortSignal): Command {
  return addImageOptions(
    new Command("batch")
      .summary("all cases of a table, in parallel, resumable")
      .description(
        "Segments all cases of a table in worker processes. OUT/cases gets what medsam segment writes; log.jsonl a line " +
          "a case, summary.json what failed and why. After a kill or a crash the same command goes on: what is done is " +
          "whole and is not done again, what failed is tried again.",
      )
      .argument(
        "<table>",
        "CSV or JSON with the columns image, x0, y0, x1, y1, and if you like label, case and points; for volumes slice, or z0 and z1, and object",
      )
      .requiredOption("--out <folder>", "where the results go; new, or of the same batch")
      .addOption(wholeNumber("--workers <n>", "processes at a time (default: one for four processors)", 1))
      .addOption(
        wholeNumber(
          "--max-memory <MB>",
          "replace a process that has grown beyond (default: its share of 80 % of the memory)",
          1,
        ),
      )
      .option("--shard <i/n>", "do the i-th of n parts only, i from 1 to n", parseShard),
  )
    .addOption(backendOption())
    .addOption(followOption())
    .addOption(strictOption())
    .option("--json", "print one JSON document and nothing else")
    .addHelpText(
      "after",
      `
Examples:
  Everything in a table, four images at a time:
    $ medsam batch cases.csv --out results --workers 4
  A job array of 8 parts on a cluster, all into one folder:
    $ medsam batch cases.csv --out results --shard $SLURM_ARRAY_TASK_ID/8
  Volumes, each object followed by MedSAM2's memory:
    $ medsam batch cases.csv --out results --checkpoint medsam2

Ctrl-C stops at once and leaves nothing half written. More: docs/batch.md.
Exit codes: 0 done, 1 failed for at least one case or row, 2 wrong use, 130 interrupted.
Results are not for clinical use.`,
    )
    .action(async (table: string, options: BatchOptions) => {
      const { runBatch } = await import("./runBatch.js");
      await runBatch(table, options, signal);
    });
}

function parseShard(text: string): Shard {
  const [, index, count] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (!(index >= 1 && index <= count))
    throw new InvalidArgumentError("Expected i/n with i from 1 to n, such as 3/8.");
  return { index, count };
}
