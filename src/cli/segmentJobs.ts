import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, parse, relative, resolve } from "node:path";
import type { Box, Prompt } from "../predictor/types.js";
import { messageOf, UsageError } from "./errors.js";
import { parseManifest, type ManifestRow } from "./manifest.js";
import { pointPrompt, type LabelledPoint } from "./prompts.js";
import { volumeName } from "./volumeFiles.js";
import { volumePrompts, type VolumePrompt } from "./volumePrompts.js";

/** An object to segment. */
export interface Target {
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
  /** Object k has the value k + 1 in the label map. */
  readonly targets: readonly Target[];
}

/** One volume and what to find in it. */
export interface VolumeJob {
  /** Path of a file, or of a folder with a DICOM series. */
  readonly image: string;
  readonly name: string;
  readonly objects: readonly VolumePrompt[];
}

export type CaseJob = SegmentJob | VolumeJob;

export const isVolume = (job: CaseJob): job is VolumeJob => "objects" in job;

/** What a command line says about images and prompts. */
export interface PromptOptions {
  readonly box?: readonly Box[];
  readonly point?: readonly LabelledPoint[];
  readonly boxes?: string;
  readonly slice?: number;
}

/**
 * Which images to segment by which prompts: `--box` and `--point` go for every image given; the rows of
 * `--boxes FILE` each name their image.
 *
 * @throws UsageError, or an Error for a file that is not there, before anything is written.
 */
export function collectJobs(images: readonly string[], options: PromptOptions): SegmentJob[] {
  const { box = [], point = [], boxes, slice } = options;
  if (boxes !== undefined) {
    if (box.length > 0 || point.length > 0)
      throw new UsageError("--boxes goes without --box and --point: put all boxes into the file");
    if (slice !== undefined) throw new UsageError("--slice goes without --boxes: a table names whole images");
    return checked(jobsOfTable(images, boxes)).map((job) => {
      if (!isVolume(job)) return job;
      throw new UsageError(
        `${boxes}: ${job.image} has boxes in slices of a volume; medsam batch and segment-volume do volumes`,
      );
    });
  }
  if (images.length === 0)
    throw new UsageError("no image: expected medsam segment IMAGE... --box x0,y0,x1,y1, or --boxes FILE");
  const targets = targetsOf(box, point);
  const other = images.find((image) => slice !== undefined && /\.(png|jpe?g|tiff?)$/i.test(image));
  if (other !== undefined) throw new UsageError(`--slice is for volumes, and ${other} is a single picture`);
  return checked(
    images.map((image) => {
      const name = parse(image).name.replace(/\.nii$/i, "");
      return slice === undefined
        ? { image, name, targets }
        : { image, slice, name: `${name}_slice${slice}`, targets };
    }),
  );
}

/** All cases of a table, images and volumes. @throws as `collectJobs`. */
export function collectCases(table: string): CaseJob[] {
  return checked(jobsOfTable([], table));
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
  if (points.length === 0) return boxes.map((box) => ({ prompt: { box } }));
  if (boxes.length > 1)
    throw new UsageError(
      `points with ${boxes.length} boxes: it is not clear which object they mean; give one box, or no points`,
    );
  return [{ prompt: promptOf(boxes[0], points) }];
}

function promptOf(box: Box | undefined, points: readonly LabelledPoint[] = []): Prompt {
  return { ...pointPrompt(points), ...(box && { box }) };
}

/** The images of a table, or those of them that are asked for. */
function jobsOfTable(images: readonly string[], table: string): CaseJob[] {
  const rows = parseManifest(readText(table), table);
  const folder = dirname(table);
  const pathOf = (row: ManifestRow) => resolve(folder, row.image);
  const job = (image: string, own: readonly ManifestRow[]): CaseJob => {
    if (own.some(({ slice, slices }) => slice !== undefined || slices !== undefined))
      return {
        image,
        name: own[0].case ?? volumeName(image),
        objects: volumePrompts(own, `${table}: ${image}`),
      };
    return {
      image,
      name: own[0].case ?? parse(image).name,
      targets: own.map(({ box, points, label }) => ({
        prompt: promptOf(box, points),
        ...(label !== undefined && { label }),
      })),
    };
  };
  if (images.length === 0) {
    const byCase = new Map<string, ManifestRow[]>();
    for (const row of rows) {
      const key = row.case ?? pathOf(row);
      const own = byCase.get(key) ?? [];
      if (own.length > 0 && pathOf(own[0]) !== pathOf(row))
        throw new UsageError(
          `${table}: the case ${key} is both ${own[0].image} and ${row.image}; expected one image a case`,
        );
      byCase.set(key, [...own, row]);
    }
    return [...byCase.values()].map((own) => job(relative("", pathOf(own[0])), own));
  }
  return images.map((image) => {
    // A row that gives no folder also means an image of that name elsewhere.
    const own = rows.filter((row) => pathOf(row) === resolve(image) || row.image === basename(image));
    if (own.length === 0) throw new UsageError(`${table}: has no row for ${image} in its column image`);
    return job(image, own);
  });
}

/** Every image is a file, and no two write the same outputs. */
function checked<Job extends CaseJob>(jobs: Job[]): Job[] {
  const byName = new Map<string, string>();
  for (const job of jobs) {
    const { image, name } = job;
    if (!existsSync(image))
      throw new Error(`${image}: no such file; expected ${isVolume(job) ? "a volume" : "an image"}`);
    if (!isVolume(job) && !statSync(image).isFile())
      throw new Error(`${image}: is a folder; name the images in it, such as ${image}/*.png`);
    const key = name.toLowerCase(); // some file systems do not tell A from a
    const other = byName.get(key);
    if (other !== undefined)
      throw new UsageError(
        `${other} and ${image} would both write ${name}.json; segment them one by one with different --out`,
      );
    byName.set(key, image);
  }
  return jobs;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`${path}: cannot be read (${messageOf(error)})`, { cause: error });
  }
}
