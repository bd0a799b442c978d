import type { Box } from "../predictor/types.js";
import { DataError } from "../train/data/caseFile.js";
import { readTable, type Fields } from "../train/data/tableRows.js";
import { UsageError, messageOf } from "./errors.js";
import { assertPossibleOnSomeImage, collectPoint, type LabelledPoint } from "./prompts.js";

/**
 * One object to segment: a row of the file behind `--boxes`. This is the one table of cases that commands read;
 * columns that a command does not know are left alone.
 */
export interface ManifestRow {
  /** File of the image, relative to the table's folder. */
  readonly image: string;
  /** Pixels: x0, y0, x1, y1. Every row has a box or points. */
  readonly box?: Box;
  /** In the column points, with semicolons between: `x,y` in the object, `x,y,0` outside. */
  readonly points?: readonly LabelledPoint[];
  /** The slice of box and points, where the image is a volume. */
  readonly slice?: number;
  /** z0 and z1: the slices of a 3D box. */
  readonly slices?: readonly [first: number, last: number];
  /** Rows of a volume with the same are one object, prompted in several slices. */
  readonly object?: string;
  /** What the object is, for people. */
  readonly label?: string;
  /** What the outputs are named after, where file names do not tell images apart. */
  readonly case?: string;
}

const COORDINATES = ["x0", "y0", "x1", "y1"] as const;
const EXPECTED =
  "expected a table of image, x0, y0, x1, y1 and, if you like, label, case, points, and for volumes slice or z0 and z1";

/**
 * Reads a table of prompts, as `readTable` does.
 *
 * @param name of the file, for messages.
 * @throws UsageError naming the row and what is wrong with it.
 */
export function parseManifest(text: string, name: string): ManifestRow[] {
  return parseRows(text, name, EXPECTED).map((row, index) => toRow(row, `${name}, row ${index + 1}`));
}

/** The rows of a table. @throws UsageError saying what was `expected`. */
export function parseRows(text: string, name: string, expected: string): Fields[] {
  try {
    return readTable(text, name, expected);
  } catch (error) {
    throw error instanceof DataError ? new UsageError(error.message) : error;
  }
}

function toRow(fields: Fields, where: string): ManifestRow {
  const { image, label, object, case: id } = fields;
  if (typeof image !== "string" || image === "")
    throw new UsageError(`${where}: column image is ${shown(image)}; expected the file name of an image`);
  for (const [column, value] of Object.entries({ label, object }))
    if (value !== undefined && typeof value !== "string")
      throw new UsageError(`${where}: column ${column} is ${shown(value)}; expected text`);
  if (id !== undefined && (typeof id !== "string" || !/^$|^(?!\.)[^/\\:*?"<>|\p{Cc}]{1,200}$/u.test(id)))
    throw new UsageError(`${where}: column case is ${shown(id)}; expected text that a file name may have`);
  const points = pointsOf(fields["points"], where);
  const boxed = points === undefined || COORDINATES.some((column) => isGiven(fields[column]));
  const [x0, y0, x1, y1] = COORDINATES.map((column) =>
    boxed ? toNumber(fields[column], `${where}: column ${column}`) : 0,
  );
  const box: Box | undefined = boxed ? [x0, y0, x1, y1] : undefined;
  try {
    if (box !== undefined) assertPossibleOnSomeImage({ box });
  } catch (error) {
    throw new UsageError(`${where}: ${messageOf(error)}`);
  }
  const place = placeOf(fields, where);
  if (points !== undefined && place.slices !== undefined)
    throw new UsageError(`${where}: column points with z0 and z1; expected a box, or points with a slice`);
  return {
    ...{ image, ...place },
    ...(box && { box }),
    ...(points && { points }),
    ...(label !== undefined && label !== "" && { label: label as string }),
    ...(object !== undefined && object !== "" && { object: object as string }),
    ...(id !== undefined && id !== "" && { case: id }),
  };
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== "";

function pointsOf(value: unknown, where: string): readonly LabelledPoint[] | undefined {
  if (!isGiven(value)) return undefined;
  if (typeof value !== "string")
    throw new UsageError(`${where}: column points is ${shown(value)}; expected text such as 120,80; 90,70,0`);
  try {
    return value.split(";").reduce<readonly LabelledPoint[]>((all, one) => collectPoint(one, all), []);
  } catch (error) {
    throw new UsageError(`${where}: column points is ${shown(value)}: ${messageOf(error)}`);
  }
}

/** Where in a volume a box lies. */
function placeOf({ slice, z0, z1 }: Fields, where: string): Pick<ManifestRow, "slice" | "slices"> {
  const whole = (value: unknown, column: string): number => {
    const number = toNumber(value, `${where}: column ${column}`, "the number of a slice, from 0");
    if (!Number.isInteger(number) || number < 0)
      throw new UsageError(
        `${where}: column ${column} is ${shown(value)}; expected the number of a slice, from 0`,
      );
    return number;
  };
  if (!isGiven(z0) && !isGiven(z1)) return isGiven(slice) ? { slice: whole(slice, "slice") } : {};
  if (isGiven(slice)) throw new UsageError(`${where}: has slice and z0, z1; expected one of both`);
  const [first, last] = [whole(z0, "z0"), whole(z1, "z1")];
  if (first > last) throw new UsageError(`${where}: z0 is ${first} and z1 ${last}; expected z0 <= z1`);
  return { slices: [first, last] };
}

function toNumber(value: unknown, where: string, expected = "a number of pixels"): number {
  const number = typeof value === "string" && value !== "" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isFinite(number))
    throw new UsageError(`${where} is ${shown(value)}; expected ${expected}`);
  return number;
}

/** A value of a table, for an error. */
export function shown(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value);
}
