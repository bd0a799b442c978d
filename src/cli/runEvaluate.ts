import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bootstrapMean, type Interval } from "../evaluate/bootstrap.js";
import { scoreLabels, type LabelScore } from "../evaluate/labelScores.js";
import { wilcoxonSignedRank, type Wilcoxon } from "../evaluate/wilcoxon.js";
import { writeFileAtomic } from "../image/encode.node.js";
import { Random } from "../train/random.js";
import type { Vector3 } from "../volume/vector.js";
import { spacingOf, type LabelVolume } from "../volume/volume.js";
import { messageOf, UsageError } from "./errors.js";
import { casesOfFolders, casesOfTable, readCase, type CasePaths } from "./evaluateCases.js";
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
  readonly out: string;
  readonly json?: boolean;
}

/** A label of a case with its scores: a row of results.csv. */
export interface Row extends LabelScore {
  readonly case: string;
}

/** What is said of a label, or of all, over the cases. */
export interface Summary {
  /** `undefined` for all labels together. */
  readonly label?: number;
  readonly rows: number;
  readonly dice?: Interval;
  readonly nsd?: Interval;
  /** Of the finite ones. */
  readonly hausdorff95?: Interval;
  readonly infinite: number;
  readonly baselines: Readonly<Record<"box" | "ellipse" | "otsu", { dice: number; nsd: number } | undefined>>;
}

/** Differences to another run, this one less the other. */
export interface Against {
  readonly name: string;
  readonly pairs: number;
  readonly dice: Wilcoxon & { readonly mean: number };
  readonly nsd: Wilcoxon & { readonly mean: number };
}

/** What results.json holds. */
export interface Evaluation {
  readonly package: string;
  readonly version: string;
  readonly tolerance: number;
  /** Whether any distance is in pixels because no file says the spacing. */
  readonly inPixels: boolean;
  readonly summary: readonly Summary[];
  readonly against?: Against;
  readonly rows: readonly Row[];
  readonly failed: readonly { readonly case: string; readonly error: string }[];
}

/** Scores all cases and writes the results; one that cannot be scored does not keep the others from being. */
export async function runEvaluate(
  predictions: string,
  truth: string | undefined,
  options: EvaluateOptions,
  signal: AbortSignal,
): Promise<void> {
  const cases = findCases(predictions, truth, options);
  const other = options.against === undefined ? undefined : readRun(options.against);
  const { tolerance, labels, out } = options;
  const progress = new Progress("scoring");
  const rows: Row[] = [];
  const failed: { case: string; error: string }[] = [];
  let inPixels = false;
  for (const [index, paths] of cases.entries()) {
    signal.throwIfAborted();
    try {
      const found = await readCase(paths);
      const known = options.spacing ?? knownSpacing(found.truth, found.prediction, paths);
      inPixels ||= known === undefined;
      const scores = scoreLabels(found.truth, found.prediction, {
        ...{ spacing: known ?? [1, 1, 1], tolerance },
        ...(labels && { labels }),
        ...(found.image && { image: found.image }),
      });
      rows.push(...scores.map((score) => ({ case: paths.id, ...score })));
    } catch (error) {
      if (error instanceof UsageError && cases.length === 1) throw error;
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
  for (const { case: id, error } of failed) console.error(`medsam: ${id}: ${error}`);
  if (failed.length > 0) process.exitCode = 1;
  if (rows.length === 0) throw new Error(`${predictions}: no case could be scored`);
  const page = await evaluationPage(result, new Map(cases.map((one) => [one.id, one])));
  await writeFileAtomic(join(out, "results.json"), `${JSON.stringify(result, replaceInfinity, 1)}\n`);
  await writeFileAtomic(join(out, "results.csv"), csv(rows));
  await writeFileAtomic(join(out, "report.html"), page);
  if (options.json) console.log(JSON.stringify(result, replaceInfinity, 1));
  else print(result, cases.length, out);
}

function findCases(predictions: string, truth: string | undefined, { images }: EvaluateOptions): CasePaths[] {
  if (truth === undefined) {
    if (images !== undefined)
      throw new UsageError("--images goes with two folders; a table names its images");
    if (!/\.(csv|json)$/i.test(predictions))
      throw new UsageError(
        `${predictions}: expected medsam evaluate PREDICTIONS TRUTH, or a table (.csv, .json)`,
      );
    return casesOfTable(predictions);
  }
  const { cases, unused } = casesOfFolders(predictions, truth, images);
  if (unused.length > 0)
    console.error(`medsam: ${predictions}: predictions without a truth, left out: ${unused.length}`);
  return cases;
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

/** One summary a label, and one of all where there are several. Objects of a case are drawn together. */
function summarise(rows: readonly Row[]): Summary[] {
  const labels = [...new Set(rows.map(({ label }) => label))].sort((a, b) => a - b);
  const of = (own: readonly Row[], label?: number): Summary => {
    const random = new Random(1);
    const mean = (value: (row: Row) => number) => {
      const groups = new Map<string, number[]>();
      for (const row of own)
        if (Number.isFinite(value(row))) groups.set(row.case, [...(groups.get(row.case) ?? []), value(row)]);
      return bootstrapMean([...groups.values()], random.next);
    };
    const baseline = (name: "box" | "ellipse" | "otsu") => {
      const all = own.flatMap(({ baselines }) => baselines?.[name] ?? []);
      const average = (key: "dice" | "nsd") => all.reduce((sum, one) => sum + one[key], 0) / all.length;
      return all.length === 0 ? undefined : { dice: average("dice"), nsd: average("nsd") };
    };
    const [dice, nsd, hausdorff95] = [
      mean(({ scores }) => scores.dice),
      mean(({ scores }) => scores.nsd),
      mean(({ scores }) => scores.hausdorff95),
    ];
    return {
      ...(label !== undefined && { label }),
      rows: own.length,
      ...(dice && { dice }),
      ...(nsd && { nsd }),
      ...(hausdorff95 && { hausdorff95 }),
      infinite: own.filter(({ scores }) => !Number.isFinite(scores.hausdorff95)).length,
      baselines: { box: baseline("box"), ellipse: baseline("ellipse"), otsu: baseline("otsu") },
    };
  };
  const each = labels.map((label) => of(rows.filter((row) => row.label === label), label)); // prettier-ignore
  return labels.length > 1 ? [...each, of(rows)] : each;
}

interface OtherRun {
  readonly name: string;
  readonly rows: readonly Row[];
}

/** @throws UsageError when it is not what this command writes. */
function readRun(path: string): OtherRun {
  try {
    const { rows } = JSON.parse(readFileSync(path, "utf8")) as Partial<Evaluation>;
    if (!Array.isArray(rows)) throw new Error("has no rows");
    return { name: path, rows };
  } catch (error) {
    throw new UsageError(`${path}: is no results.json of medsam evaluate (${messageOf(error)})`);
  }
}

/** Pairs rows by case and label. */
function compare(rows: readonly Row[], other: OtherRun): Against {
  const key = (row: Row) => `${row.case}/${row.label}`;
  const theirs = new Map(other.rows.map((row) => [key(row), row]));
  const pairs = rows.flatMap((row) => {
    const match = theirs.get(key(row));
    return match ? [[row, match] as const] : [];
  });
  if (pairs.length === 0)
    throw new UsageError(`${other.name}: has no case and label in common with this run`);
  const test = (value: "dice" | "nsd") => {
    const differences = pairs.map(([a, b]) => a.scores[value] - b.scores[value]);
    const mean = differences.reduce((sum, one) => sum + one, 0) / differences.length;
    return { ...wilcoxonSignedRank(differences), mean };
  };
  return { name: other.name, pairs: pairs.length, dice: test("dice"), nsd: test("nsd") };
}

/** JSON has no infinity. */
function replaceInfinity(_: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? null : value;
}

const COLUMNS: readonly (readonly [name: string, value: (row: Row) => string | number | undefined])[] = [
  ["case", (row) => row.case],
  ["label", (row) => row.label],
  ["dice", ({ scores }) => scores.dice],
  ["nsd", ({ scores }) => scores.nsd],
  ["hausdorff95", ({ scores }) => scores.hausdorff95],
  ["hausdorff", ({ scores }) => scores.hausdorff],
  ["average_surface_distance", ({ scores }) => scores.averageSurfaceDistance],
  ["truth_ml", ({ scores }) => scores.truthMl],
  ["prediction_ml", ({ scores }) => scores.predictionMl],
  ["relative_volume_error", ({ scores }) => scores.relativeError],
  ["box_dice", ({ baselines }) => baselines?.box.dice],
  ["ellipse_dice", ({ baselines }) => baselines?.ellipse.dice],
  ["otsu_dice", ({ baselines }) => baselines?.otsu?.dice],
];

function csv(rows: readonly Row[]): string {
  const cell = (value: string | number | undefined) => {
    const text = value === undefined ? "" : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = rows.map((row) => COLUMNS.map(([, value]) => cell(value(row))).join(","));
  return `${[COLUMNS.map(([name]) => name).join(","), ...lines].join("\n")}\n`;
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
  const rows = summary.map(({ label, rows: n, dice, nsd, baselines: { box, ellipse } }) => [
    label === undefined ? "all" : String(label),
    thousands(n),
    ...[shown(dice), shown(nsd)],
    ...[box, ellipse].map((one) => one?.dice.toFixed(4) ?? "–"),
  ]);
  const head = ["label", "objects", "Dice", `NSD at ${tolerance} ${unit}`, "filled box", "ellipse"];
  console.log(`${thousands(count - failed.length)} of ${thousands(count)} cases; means with 95 % intervals`);
  console.log(columns([head, ...rows]));
  if (against !== undefined)
    console.log(
      `against ${against.name}, ${thousands(against.pairs)} pairs: Dice ${signed(against.dice.mean)} ` +
        `(p ${against.dice.p.toPrecision(2)}), NSD ${signed(against.nsd.mean)} (p ${against.nsd.p.toPrecision(2)})`,
    );
  console.log(`${join(out, "report.html")}  to look at; results.csv and results.json beside it`);
}

const signed = (value: number) => `${value < 0 ? "" : "+"}${value.toFixed(4)}`;
