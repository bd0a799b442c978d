import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, parse, relative, resolve } from "node:path";
import type { Box, Prompt } from "../predictor/types.js";
import { messageOf, UsageError } from "./errors.js";
import { isBad, parseManifest, type BadRow, type ManifestRow } from "./manifest.js";
import { pointPrompt, type LabelledPoint } from "./prompts.js";
import { skippedLine, type Skipped } from "./skipped.js";
import { volumeName } from "./volumeFiles.js";
import { volumePrompts, type VolumePrompt } from "./volumePrompts.js";

/** An object to segment. */
export interface Target {
  /**
   * Its value in the label map: its place among the prompts of the image, from 1. Prompts that cannot be used count, so
   * that no value means another object because of them.
   */
  readonly value: number;
  /** Its row in the table, from 1. */
  readonly row?: number;
  readonly prompt: Prompt;
  readonly label?: string;
}

/** One image and what to segment in it. */
export interface SegmentJob {
  /** Path of the image, as messages show it. */
  readonly image: string;
  /** Of a volume, counted from 0. */
  readonly slice?: number;
  /** What the outputs are named after: the file name without folder and ending, and the slice if one is named. */
  readonly name: string;
  readonly targets: readonly Target[];
  /** The table that its prompts are from, and the objects whose rows cannot be read. */
  readonly table?: string;
  /** Beside the table's file, the image's name alone finds its rows, and them all. */
  readonly isFoundByName?: boolean;
  readonly skipped?: readonly Skipped[];
}

/** One volume and what to find in it. */
export interface VolumeJob {
  /** Path of a file, or of a folder with a DICOM series. */
  readonly image: string;
  readonly name: string;
  readonly objects: readonly VolumePrompt[];
  readonly table: string;
  /** The rows of each object, by label. */
  readonly rows: Readonly<Record<number, readonly number[]>>;
  readonly skipped: readonly Skipped[];
}

type Row = ManifestRow | BadRow;

export type CaseJob = SegmentJob | VolumeJob;

export const isVolume = (job: CaseJob): job is VolumeJob => "objects" in job;

/** What a command line says about images and prompts. */
export interface PromptOptions {
  readonly box?: readonly Box[];
  readonly point?: readonly LabelledPoint[];
  readonly boxes?: string;
  readonly slice?: number;
  /** Nothing is begun when a row cannot be used, or names a file that is not there. */
  readonly strict?: boolean;
}

/** What there is to do. */
export interface Collected<Job> {
  readonly jobs: readonly Job[];
  /** Rows that are of no job: what is wrong with them, one line each. */
  readonly badRows: readonly string[];
}

/**
 * Which images to segment by which prompts: `--box` and `--point` go for every image given; the rows of
 * `--boxes FILE` each name their image. A file that a table names and that is not there is found when its turn comes.
 *
 * @throws UsageError, or an Error for a file that is not there, before anything is written.
 */
export function collectJobs(images: readonly string[], options: PromptOptions): Collected<SegmentJob> {
  const { box = [], point = [], boxes, slice, strict = false } = options;
  if (boxes !== undefined) {
    if (box.length > 0 || point.length > 0)
      throw new UsageError("--boxes goes without --box and --point: put all boxes into the file");
    if (slice !== undefined) throw new UsageError("--slice goes without --boxes: a table names whole images");
    const { jobs, badRows } = jobsOfTable(images, boxes, strict);
    const ofImages = jobs.map((job) => {
      if (!isVolume(job)) return job;
      throw new UsageError(
        `${boxes}: ${job.image} has boxes in slices of a volume; medsam batch and segment-volume do volumes`,
      );
    });
    return { jobs: ofImages, badRows };
  }
  if (images.length === 0)
    throw new UsageError("no image: expected medsam segment IMAGE... --box x0,y0,x1,y1, or --boxes FILE");
  const targets = targetsOf(box, point);
  const other = images.find((image) => slice !== undefined && /\.(png|jpe?g|tiff?)$/i.test(image));
  if (other !== undefined) throw new UsageError(`--slice is for volumes, and ${other} is a single picture`);
  const jobs = images.map((image): SegmentJob => {
    const name = parse(image).name.replace(/\.nii$/i, "");
    return slice === undefined
      ? { image, name, targets }
      : { image, slice, name: `${name}_slice${slice}`, targets };
  });
  jobs.forEach(assertFile);
  assertNames(jobs);
  return { jobs, badRows: [] };
}

/** All cases of a table, images and volumes. @throws as `collectJobs`. */
export function collectCases(table: string, strict = false): Collected<CaseJob> {
  return jobsOfTable([], table, strict);
}

/** By its name; what is in it is checked when it is read. */
export function isNpz(path: string): boolean {
  return path.toLowerCase().endsWith(".npz");
}

/** One object a box; points make one object, together with the box if there is one. */
function targetsOf(boxes: readonly Box[], points: readonly LabelledPoint[]): Target[] {
  if (boxes.length === 0 && points.length === 0)
    throw new UsageError(
      "no prompt: expected --box x0,y0,x1,y1 around the object (or --point, or --boxes FILE)",
    );
  if (points.length === 0) return boxes.map((box, k) => ({ value: k + 1, prompt: { box } }));
  if (boxes.length > 1)
    throw new UsageError(
      `points with ${boxes.length} boxes: it is not clear which object they mean; give one box, or no points`,
    );
  return [{ value: 1, prompt: promptOf(boxes[0], points) }];
}

function promptOf(box: Box | undefined, points: readonly LabelledPoint[] = []): Prompt {
  return { ...pointPrompt(points), ...(box && { box }) };
}

/** The images of a table, or those of them that are asked for. */
function jobsOfTable(images: readonly string[], table: string, strict: boolean): Collected<CaseJob> {
  const rows = parseManifest(readText(table), table, strict);
  const pathOf = ({ image = "" }: Row) => resolve(dirname(table), image);
  const all =
    images.length === 0
      ? casesOf(rows, pathOf, table)
      : images.map((image) => {
          // A row that gives no folder also means an image of that name elsewhere.
          const own = rows.filter((row) => row.image === basename(image) || pathOf(row) === resolve(image));
          if (own.length === 0) throw new UsageError(`${table}: has no row for ${image} in its column image`);
          return jobOf(image, own, table);
        });
  assertNames(all);
  const linesOf = ({ image, skipped = [] }: CaseJob) =>
    skipped.map((one) => `${image}: ${skippedLine(one, table)}`);
  const [first] = all.flatMap(linesOf);
  if (strict && first !== undefined) throw new UsageError(first);
  const jobs = all.filter((job) => countOf(job) > 0);
  const badRows = [
    ...all.filter((job) => countOf(job) === 0).flatMap(linesOf),
    ...rows.flatMap((row) =>
      isBad(row) && row.image === undefined ? [`${table}, row ${row.row}: ${row.error}`] : [],
    ),
  ];
  if (jobs.length === 0) throw new UsageError(badRows[0]);
  if (strict || !jobs.some(({ image }) => existsSync(image))) jobs.forEach(assertFile);
  return { jobs, badRows };
}

/** A job for each image of the rows, or for each case where they name cases. */
function casesOf(rows: readonly Row[], pathOf: (row: Row) => string, table: string): CaseJob[] {
  const byCase = new Map<string, Row[]>();
  for (const row of rows) {
    if (row.image === undefined) continue;
    const key = row.case ?? pathOf(row);
    const own = byCase.get(key) ?? [];
    if (own.length > 0 && pathOf(own[0]) !== pathOf(row))
      throw new UsageError(
        `${table}: the case ${key} is both ${own[0].image} and ${row.image}; expected one image a case`,
      );
    byCase.set(key, [...own, row]);
  }
  return [...byCase.values()].map((own) => jobOf(relative("", pathOf(own[0])), own, table));
}

const countOf = (job: CaseJob): number => (isVolume(job) ? job.objects : job.targets).length;

function jobOf(image: string, rows: readonly Row[], table: string): CaseJob {
  const name = rows.find(({ case: id }) => id !== undefined)?.case;
  if (rows.some((row) => !isBad(row) && (row.slice ?? row.slices) !== undefined))
    return { image, name: name ?? volumeName(image), table, ...volumePrompts(rows) };
  const targets: Target[] = [];
  const skipped: Skipped[] = [];
  for (const [index, row] of rows.entries()) {
    const value = index + 1;
    if (isBad(row)) {
      skipped.push({ value, rows: [row.row], error: row.error });
      continue;
    }
    const { box, points, label } = row;
    targets.push({
      value,
      row: row.row,
      prompt: promptOf(box, points),
      ...(label !== undefined && { label }),
    });
  }
  const isFoundByName = name === undefined && rows.every((row) => row.image === basename(image));
  return { image, name: name ?? parse(image).name, table, isFoundByName, targets, skipped };
}

/** @throws Error when a job's file is not there, or no file. */
export function assertFile(job: CaseJob): void {
  const { image } = job;
  if (!existsSync(image))
    throw new Error(`${image}: no such file; expected ${isVolume(job) ? "a volume" : "an image"}`);
  if (!isVolume(job) && !statSync(image).isFile())
    throw new Error(`${image}: is a folder; name the images in it, such as ${image}/*.png`);
}

/** @throws UsageError when two jobs would write the same files. */
function assertNames(jobs: readonly CaseJob[]): void {
  const byName = new Map<string, string>();
  for (const { image, name } of jobs) {
    const key = name.toLowerCase(); // some file systems do not tell A from a
    const other = byName.get(key);
    if (other !== undefined)
      throw new UsageError(
        `${other} and ${image} would both write ${name}.json; segment them one by one with different --out`,
      );
    byName.set(key, image);
  }
}

/** @throws Error naming the file. */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`${path}: cannot be read (${messageOf(error)})`, { cause: error });
  }
}
