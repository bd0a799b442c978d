import { join } from "node:path";
import type { Interval } from "../evaluate/bootstrap.js";
import { scoreLabels } from "../evaluate/labelScores.js";
import { writeFileAtomic } from "../image/encode.node.js";
import type { Vector3 } from "../volume/vector.js";
import { spacingOf, type LabelVolume } from "../volume/volume.js";
import { messageOf, UsageError } from "./errors.js";
import { casesOfFolders, casesOfTable, readCase, type CasePaths, type FailedCase } from "./evaluateCases.js";
import {
  compare,
  csv,
  readRun,
  replaceInfinity,
  summarise,
  type Evaluation,
  type Row,
} from "./evaluation.js";
import { evaluationPage } from "./evaluationPage.js";
import { columns, thousands } from "./format.js";
import { Progress } from "./progress.js";
import { PACKAGE_VERSION } from "./version.js";

/** The options of `medsam evaluate`. */
export interface EvaluateOptions {
  readonly images?: string;
  readonly tolerance: number;
  readonly spacing?: Vector3;
  readonly labels?: readonly number[];
  readonly against?: string;
  readonly strict?: boolean;
  readonly out: string;
  readonly json?: boolean;
}

/** Scores all cases and writes the results; one that cannot be scored does not keep the others from being. */
export async function runEvaluate(
  predictions: string,
  truth: string | undefined,
  options: EvaluateOptions,
  signal: AbortSignal,
): Promise<void> {
  const { cases, failed } = findCases(predictions, truth, options);
  const count = cases.length + failed.length;
  const other = options.against === undefined ? undefined : readRun(options.against);
  const { tolerance, labels, out } = options;
  const progress = new Progress("scoring");
  const rows: Row[] = [];
  const warnings: string[] = [];
  let inPixels = false;
  for (const [index, paths] of cases.entries()) {
    signal.throwIfAborted();
    try {
      const found = await readCase(paths);
      warnings.push(...(found.truth.warnings ?? []), ...(found.prediction.warnings ?? []));
      const known = options.spacing ?? knownSpacing(found.truth, found.prediction, paths);
      inPixels ||= known === undefined;
      const scores = scoreLabels(found.truth, found.prediction, {
        ...{ spacing: known ?? [1, 1, 1], tolerance },
        ...(labels && { labels }),
        ...(found.image && { image: found.image }),
      });
      rows.push(...scores.map((score) => ({ case: paths.id, ...score })));
    } catch (error) {
      if (options.strict || (error instanceof UsageError && cases.length === 1)) throw error;
      failed.push({ case: paths.id, error: messageOf(error) });
    }
    progress.update((index + 1) / cases.length, paths.id);
    // A turn for Ctrl-C.
    await new Promise((resolve) => setImmediate(resolve));
  }
  progress.stop();
  const result: Evaluation = {
    ...{ package: "medsam-tfjs", version: PACKAGE_VERSION, tolerance, inPixels },
    summary: summarise(rows),
    ...(other && { against: compare(rows, other) }),
    ...{ rows, failed },
  };
  for (const warning of warnings) console.error(`medsam: ${warning}`);
  for (const { case: id, error } of failed) console.error(`medsam: ${id}: ${error}`);
  if (failed.length > 0) process.exitCode = 1;
  if (rows.length === 0) throw new Error(`${predictions}: no case could be scored`);
  const page = await evaluationPage(result, new Map(cases.map((one) => [one.id, one])));
  await writeFileAtomic(join(out, "results.json"), `${JSON.stringify(result, replaceInfinity, 1)}\n`);
  await writeFileAtomic(join(out, "results.csv"), csv(rows));
  await writeFileAtomic(join(out, "report.html"), page);
  if (options.json) console.log(JSON.stringify(result, replaceInfinity, 1));
  else print(result, count, out);
}

/** The cases, and those that cannot be scored already. */
function findCases(
  predictions: string,
  truth: string | undefined,
  { images, strict }: EvaluateOptions,
): { cases: CasePaths[]; failed: FailedCase[] } {
  if (truth === undefined) {
    if (images !== undefined)
      throw new UsageError("--images goes with two folders; a table names its images");
    if (!/\.(csv|json)$/i.test(predictions))
      throw new UsageError(
        `${predictions}: expected medsam evaluate PREDICTIONS TRUTH, or a table (.csv, .json)`,
      );
    return casesOfTable(predictions, strict);
  }
  const { cases, unused } = casesOfFolders(predictions, truth, images);
  if (unused.length > 0)
    console.error(`medsam: ${predictions}: predictions without a truth, left out: ${unused.length}`);
  return { cases, failed: [] };
}

/** Of either file. @throws UsageError when they disagree by more than a thousandth. */
function knownSpacing(truth: LabelVolume, prediction: LabelVolume, paths: CasePaths): Vector3 | undefined {
  const said = [truth, prediction]
    .filter(({ pixelSpacing }) => pixelSpacing !== undefined)
    .map((labels) => spacingOf(labels, paths.id));
  if (said.length === 2 && said[0].some((step, axis) => Math.abs(said[1][axis] / step - 1) > 1e-3))
    throw new UsageError(
      `${paths.prediction}: its voxels are ${said[1].join(" x ")} mm, those of ${paths.truth} ${said[0].join(" x ")}; ` +
        "say which is right with --spacing",
    );
  return said[0];
}

function print(
  { summary, against, failed, inPixels, tolerance }: Evaluation,
  count: number,
  out: string,
): void {
  const unit = inPixels ? "pixels" : "mm";
  const shown = (interval: Interval | undefined) =>
    interval === undefined
      ? "–"
      : `${interval.mean.toFixed(4)} (${interval.low.toFixed(4)} to ${interval.high.toFixed(4)})`;
  const rows = summary.map(({ label, rows: n, dice, nsd, baselines: { box, ellipse, otsu, grabCut } }) => [
    label === undefined ? "all" : String(label),
    thousands(n),
    ...[shown(dice), shown(nsd)],
    ...[box, ellipse, otsu, grabCut].map((one) => one?.dice.toFixed(4) ?? "–"),
  ]);
  const head = [
    "label",
    "objects",
    "Dice",
    `NSD at ${tolerance} ${unit}`,
    "filled box",
    "ellipse",
    "Otsu",
    "GrabCut",
  ];
  console.log(`${thousands(count - failed.length)} of ${thousands(count)} cases; means with 95 % intervals`);
  console.log(columns([head, ...rows]));
  if (against !== undefined)
    console.log(
      `against ${against.name}, ${thousands(against.pairs)} cases: Dice ${signed(against.dice.mean)} ` +
        `(p ${against.dice.p.toPrecision(2)}), NSD ${signed(against.nsd.mean)} (p ${against.nsd.p.toPrecision(2)})`,
    );
  console.log(`${join(out, "report.html")}  to look at; results.csv and results.json beside it`);
}

const signed = (value: number) => `${value < 0 ? "" : "+"}${value.toFixed(4)}`;
