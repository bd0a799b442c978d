import { readFileSync } from "node:fs";
import { bootstrapMean, type Interval } from "../evaluate/bootstrap.js";
import type { Baselines, BaselineScore, LabelScore } from "../evaluate/labelScores.js";
import { wilcoxonSignedRank, type Wilcoxon } from "../evaluate/wilcoxon.js";
import { Random } from "../train/random.js";
import { messageOf, UsageError } from "./errors.js";
import type { FailedCase } from "./evaluateCases.js";

// What medsam evaluate says of a run, as numbers; its page is in evaluationPage.ts.

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
  readonly baselines: Readonly<Record<keyof Baselines, BaselineScore | undefined>>;
}

/** Differences to another run, this one less the other. */
export interface Against {
  readonly name: string;
  /** Cases that both runs have. */
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
  readonly failed: readonly FailedCase[];
}

/** One summary a label, and one of all where there are several. Objects of a case are drawn together. */
export function summarise(rows: readonly Row[]): Summary[] {
  const labels = [...new Set(rows.map(({ label }) => label))].sort((a, b) => a - b);
  const of = (own: readonly Row[], label?: number): Summary => {
    const random = new Random(1);
    const mean = (value: (row: Row) => number) => {
      const groups = new Map<string, number[]>();
      for (const row of own)
        if (Number.isFinite(value(row))) groups.set(row.case, [...(groups.get(row.case) ?? []), value(row)]);
      return bootstrapMean([...groups.values()], random.next);
    };
    const baseline = (name: keyof Baselines) => {
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
      baselines: {
        ...{ box: baseline("box"), ellipse: baseline("ellipse") },
        ...{ otsu: baseline("otsu"), grabCut: baseline("grabCut") },
      },
    };
  };
  const each = labels.map((label) => of(rows.filter((row) => row.label === label), label)); // prettier-ignore
  return labels.length > 1 ? [...each, of(rows)] : each;
}

/** What another run is compared by. */
export interface OtherRun {
  readonly name: string;
  readonly rows: readonly Row[];
}

/** @throws UsageError when it is not what this command writes. */
export function readRun(path: string): OtherRun {
  try {
    const { rows } = JSON.parse(readFileSync(path, "utf8")) as Partial<Evaluation>;
    if (!Array.isArray(rows)) throw new Error("has no rows");
    return { name: path, rows };
  } catch (error) {
    throw new UsageError(`${path}: is no results.json of medsam evaluate (${messageOf(error)})`);
  }
}

/** Pairs rows by case and label. Objects of a case are not independent: the test gets their mean, one number a case. */
export function compare(rows: readonly Row[], other: OtherRun): Against {
  const key = (row: Row) => `${row.case}/${row.label}`;
  const theirs = new Map(other.rows.map((row) => [key(row), row]));
  const cases = new Map<string, (readonly [Row, Row])[]>();
  for (const row of rows) {
    const match = theirs.get(key(row));
    if (match) cases.set(row.case, [...(cases.get(row.case) ?? []), [row, match]]);
  }
  if (cases.size === 0) throw new UsageError(`${other.name}: has no case and label in common with this run`);
  const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
  const test = (value: "dice" | "nsd") => {
    const ofCase = (pairs: readonly (readonly [Row, Row])[]) => mean(pairs.map(([a, b]) => a.scores[value] - b.scores[value])); // prettier-ignore
    const differences = [...cases.values()].map(ofCase);
    return { ...wilcoxonSignedRank(differences), mean: mean(differences) };
  };
  return { name: other.name, pairs: cases.size, dice: test("dice"), nsd: test("nsd") };
}

/** JSON has no infinity. */
export function replaceInfinity(_: string, value: unknown): unknown {
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
  ["grabcut_dice", ({ baselines }) => baselines?.grabCut?.dice],
];

/** results.csv: a line a row. */
export function csv(rows: readonly Row[]): string {
  const cell = (value: string | number | undefined) => {
    const text = value === undefined ? "" : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = rows.map((row) => COLUMNS.map(([, value]) => cell(value(row))).join(","));
  return `${[COLUMNS.map(([name]) => name).join(","), ...lines].join("\n")}\n`;
}
