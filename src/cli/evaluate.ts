import { Command, InvalidArgumentError } from "commander";
import { strictOption } from "./modelOptions.js";
import type { EvaluateOptions } from "./runEvaluate.js";

/** `medsam evaluate`: predictions against the truth. */
export function evaluateCommand(signal: AbortSignal): Command {
  return new Command("evaluate")
    .summary("scores of predictions against the truth, with a report")
    .description(
      "Scores label maps and volumes against the truth, each label of each case: Dice, normalised surface distance " +
        "(NSD), 95 % Hausdorff distance, error of the volume; beside them what the true boxes alone would score. Writes " +
        "results.csv, results.json and report.html (tables with confidence intervals, plots, the worst cases).",
    )
    .argument(
      "<predictions>",
      "folder of predictions; or a table (CSV, JSON) of truth, prediction, case, image",
    )
    .argument("[truth]", "folder of truths, with files of the same names")
    .option("--images <folder>", "folder of images with the same names, for pictures and two more baselines")
    .option("--tolerance <mm>", "of the normalised surface distance", positive, 2)
    .option(
      "--spacing <x,y,z>",
      "millimetres a voxel, where files do not say (default: 1, so that mm are pixels)",
      parseSpacing,
    )
    .option("--labels <list>", "labels to score, with commas between (default: all there are)", parseLabels)
    .option(
      "--against <file>",
      "results.json of another run on the same cases: Wilcoxon's test of the differences",
    )
    .addOption(strictOption())
    .option("--out <folder>", "where the files go", "evaluation")
    .option("--json", "print one JSON document and nothing else")
    .addHelpText(
      "after",
      `
Rules: both masks empty is 1 for Dice and NSD and 0 for distances; one empty is 0, and distances are infinite (they are
counted, and left out of means). NSD and 95 % Hausdorff are DeepMind's surface-distance, pictures by their contours.

Examples:
  What medsam segment wrote to masks/, against truth/NAME.png:
    $ medsam evaluate masks truth --images images
  Volumes by a table, NSD at 1 mm:
    $ medsam evaluate cases.csv --tolerance 1
  Two runs compared:
    $ medsam evaluate masks truth --against baseline/results.json

Exit codes: 0 done, 1 failed for at least one case or row, 2 wrong use, 130 interrupted.`,
    )
    .action(async (predictions: string, truth: string | undefined, options: EvaluateOptions) => {
      const { runEvaluate } = await import("./runEvaluate.js");
      await runEvaluate(predictions, truth, options, signal);
    });
}

function positive(text: string): number {
  const value = Number(text);
  if (text === "" || !(value > 0 && Number.isFinite(value)))
    throw new InvalidArgumentError("Expected a number of millimetres above 0.");
  return value;
}

function parseSpacing(text: string): readonly [number, number, number] {
  const parts = text.split(",");
  if (parts.length !== 3) throw new InvalidArgumentError("Expected three numbers x,y,z in millimetres.");
  return parts.map(positive) as [number, number, number];
}

function parseLabels(text: string): readonly number[] {
  const labels = text.split(",").map(Number);
  if (!labels.every((label) => Number.isInteger(label) && label >= 1 && label <= 65535))
    throw new InvalidArgumentError("Expected integers of 1 to 65535 with commas between.");
  return labels;
}
