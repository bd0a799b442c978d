import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { readImageFile, readLabelFile } from "../image/decode.node.js";
import type { PixelImage } from "../image/pixels.js";
import { eightBitVolume } from "../volume/eightBit.js";
import { assertSameGeometry, commonGrid } from "../volume/labels.js";
import { readLabelVolumeFile, readVolumeFile } from "../volume/read.node.js";
import { volumeSlice } from "../volume/values.js";
import type { Grid, LabelVolume } from "../volume/volume.js";
import { VolumeError } from "../volume/volumeError.js";
import { messageOf, UsageError } from "./errors.js";
import { DataError } from "../train/data/caseFile.js";
import type { Fields } from "../train/data/tableRows.js";
import { parseRows, unexpected } from "./manifest.js";

/** Where a case's files are. */
export interface CasePaths {
  readonly id: string;
  readonly prediction: string;
  readonly truth: string;
  readonly image?: string;
}

/** A case, or a row of a table, that cannot be scored, and why. */
export interface FailedCase {
  readonly case: string;
  readonly error: string;
}

/** A case as it is scored. */
export interface OpenedCase {
  readonly truth: LabelVolume;
  readonly prediction: LabelVolume;
  /** Slice z, to look at. */
  readonly image?: (z: number) => PixelImage;
}

const EXPECTED =
  "expected a table of prediction, truth and, if you like, case and image (file names relative to the table)";
const PIXELS = /\.(png|jpe?g|tiff?)$/i;

/**
 * The cases of a table in CSV or JSON, and what is wrong with rows that are none.
 *
 * @throws UsageError for a table that is none, or a case named twice; for a bad row when `strict`, or when all are bad.
 */
export function casesOfTable(path: string, strict = false): { cases: CasePaths[]; failed: FailedCase[] } {
  const ids = new Map<string, number>();
  const rows = parseRows(readText(path), path, { expected: EXPECTED, strict }, (fields) =>
    toCase(fields, dirname(path)),
  );
  const failed: FailedCase[] = [];
  const cases = rows.flatMap((one) => {
    const where = `${path}, row ${one.row}`;
    if (!("value" in one)) {
      failed.push({ case: where, error: one.error });
      return [];
    }
    const { id } = one.value;
    const other = ids.get(id);
    if (other !== undefined)
      throw new UsageError(
        `${where}: the case ${id} is in row ${other} already; give each its own name in the column case`,
      );
    ids.set(id, one.row);
    return [one.value];
  });
  return { cases, failed };
}

function toCase(fields: Fields, folder: string): CasePaths {
  const [truth, prediction] = ["truth", "prediction"].map((column) => fileOf(fields, column, folder));
  const id = textOf(fields, "case") ?? pairingKey(basename(truth)).key;
  const image = textOf(fields, "image");
  return { id, prediction, truth, ...(image !== undefined && { image: fileOf(fields, "image", folder) }) };
}

/**
 * Pairs the files of two folders, and the images of a third, by their names: ending and a last word such as
 * `_labels`, `_mask` or `_seg` do not count. A truth without a prediction is a case too, which cannot be read.
 *
 * @throws UsageError when nothing pairs, or two files of a folder claim one name.
 */
export function casesOfFolders(
  predictions: string,
  truths: string,
  images?: string,
): { cases: CasePaths[]; unused: string[] } {
  const [predicted, real] = [filesByKey(predictions), filesByKey(truths)];
  const shownImages = images === undefined ? new Map<string, string>() : filesByKey(images);
  if (![...real.keys()].some((id) => predicted.has(id)))
    throw new UsageError(
      `${predictions} and ${truths}: no file of one has a partner in the other; expected the same names, with ` +
        "_labels, _mask or _seg behind them if you like, or a table of prediction and truth",
    );
  const cases = [...real].map(([id, truth]): CasePaths => {
    const image = shownImages.get(id);
    const prediction = predicted.get(id) ?? join(predictions, basename(truth));
    return { id, prediction, truth, ...(image !== undefined && { image }) };
  });
  return { cases, unused: [...predicted.keys()].filter((id) => !real.has(id)) };
}

/**
 * Reads both label maps, and the image if there is one, and checks that they lie in one place.
 *
 * @throws VolumeError or ImageError naming the file.
 */
export async function readCase({ prediction, truth, image }: CasePaths): Promise<OpenedCase> {
  if (!existsSync(prediction)) throw new VolumeError(`${prediction}: no such file, for the truth ${truth}`);
  const shown = image === undefined ? undefined : await readShown(image);
  const base = [truth, prediction].find((path) => !LAID_ON_ANOTHER.test(path));
  const grid: Grid = shown?.grid ?? (base === undefined ? commonGrid(await readLabels(truth), await readLabels(prediction), prediction) : await readLabels(base)); // prettier-ignore
  const [real, predicted] = [await readLabels(truth, grid), await readLabels(prediction, grid)];
  assertSameGeometry(real, predicted, `${prediction}, with the truth as the image`);
  if (shown) assertSameGeometry(shown.grid, real, truth);
  return { truth: real, prediction: predicted, ...(shown && { image: shown.slice }) };
}

async function readLabels(path: string, grid?: Grid): Promise<LabelVolume> {
  if (PIXELS.test(path)) {
    const { width, height, data } = await readLabelFile(path);
    // What is painted with 255 alone is a mask of one object.
    const isMask = data.every((value) => value === 0 || value === 255);
    return { size: [width, height, 1], data: isMask ? data.map((value) => (value ? 1 : 0)) : data };
  }
  return readLabelVolumeFile(path, grid);
}

async function readShown(path: string): Promise<{ grid: Grid; slice: (z: number) => PixelImage }> {
  if (PIXELS.test(path)) {
    const image = await readImageFile(path);
    return { grid: { size: [image.width, image.height, 1] }, slice: () => image };
  }
  const { volume } = eightBitVolume(await readVolumeFile(path));
  return { grid: volume, slice: (z) => volumeSlice(volume, 2, z) };
}

/** Segmentations of DICOM and of 3D Slicer lie on another file's voxels. */
const LAID_ON_ANOTHER = /\.(dcm|seg\.nrrd)$/i;

/** Which files win where several are of one case: label maps over masks, volumes over pictures. */
const ENDINGS = [
  ...[/\.(nii|hdr)(\.gz)?$/i, /\.(seg\.nrrd|nrrd|nhdr)$/i, /\.(mha|mhd)$/i, /\.npz$/i, /\.dcm$/i],
  ...[/\.(png|tiff?)$/i, /\.jpe?g$/i],
];
const SUFFIX = /[_-](labels?|masks?|seg|segs|segmentation|gts?|truth|pred|prediction)$/i;
/** What medsam writes to be looked at. */
const PICTURE = /_(overlay|slices)\.png$/i;

function pairingKey(file: string): { key: string; rank: number } {
  const ending = ENDINGS.findIndex((pattern) => pattern.test(file));
  const name = ending < 0 ? file : file.replace(ENDINGS[ending], "");
  const isMask = /[_-]masks?$/i.test(name);
  return { key: name.replace(SUFFIX, "").replace(/_0000$/, ""), rank: 2 * ending + (isMask ? 1 : 0) };
}

function filesByKey(folder: string): Map<string, string> {
  let files: string[];
  try {
    files = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
      .filter((file) => ENDINGS.some((pattern) => pattern.test(file)) && !PICTURE.test(file))
      .sort();
  } catch (error) {
    throw new UsageError(`${folder}: cannot be read as a folder (${messageOf(error)})`);
  }
  const found = new Map<string, { file: string; rank: number }>();
  for (const file of files) {
    const { key, rank } = pairingKey(file);
    const other = found.get(key);
    if (other?.rank === rank)
      throw new UsageError(
        `${folder}: ${other.file} and ${file} are both of the case ${key}; use a table instead`,
      );
    if (other === undefined || rank < other.rank) found.set(key, { file, rank });
  }
  return new Map([...found].map(([key, { file }]) => [key, join(folder, file)]));
}

function fileOf(fields: Fields, column: string, folder: string): string {
  const name = textOf(fields, column);
  if (name === undefined) throw new DataError(`column ${column} is missing; ${EXPECTED}`);
  const path = relative("", resolve(folder, name));
  if (!existsSync(path)) throw new DataError(`column ${column} is ${path}: no such file`);
  if (column !== "image" && !statSync(path).isFile())
    throw new DataError(`column ${column} is ${path}: a folder; expected a file`);
  return path;
}

function textOf(fields: Fields, column: string): string | undefined {
  const value = fields[column];
  if (value === undefined || value === "") return undefined;
  if (typeof value !== "string") throw unexpected(column, value, "text");
  return value;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`${path}: cannot be read (${messageOf(error)})`);
  }
}
