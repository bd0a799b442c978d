import type { Box } from "../predictor/types.js";
import { DataError } from "../train/data/caseFile.js";
import { everyRow, readTable, type Fields, type TableRow } from "../train/data/tableRows.js";
import { UsageError, messageOf } from "./errors.js";
import { assertPossibleOnSomeImage, collectPoint, type LabelledPoint } from "./prompts.js";

/**
 * One object to segment: a row of the file behind `--boxes`. This is the one table of cases that commands read;
 * columns that a command does not know are left alone.
 */
export interface ManifestRow {
  /** Its number in the table, from 1. */
  readonly row: number;
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

/** A row of it that cannot be used: why, and what it is about as far as that can be told. */
export interface BadRow extends Partial<Pick<ManifestRow, "image" | "case" | "object">> {
  readonly row: number;
  readonly error: string;
}

export const isBad = (row: ManifestRow | BadRow): row is BadRow => "error" in row;

/**
 * Reads a table of prompts, as `readTable` does.
 *
 * @param name of the file, for messages.
 * @throws UsageError when no row can be used, or one cannot and `strict` is set.
 */
export function parseManifest(text: string, name: string, strict = false): (ManifestRow | BadRow)[] {
  return parseRows(text, name, { expected: EXPECTED, strict }, toRow).map((one) =>
    "value" in one
      ? { row: one.row, ...one.value }
      : { row: one.row, error: one.error, ...knownOf(one.fields) },
  );
}

/** The rows of a table. @throws UsageError as `parseManifest`; when it is no table, saying what was `expected`. */
export function parseRows<Row>(
  text: string,
  name: string,
  { expected, strict }: { readonly expected: string; readonly strict: boolean },
  read: (fields: Fields) => Row,
): TableRow<Row>[] {
  try {
    const rows = readTable(text, name, expected, read);
    if (strict || !rows.some((row) => "value" in row)) everyRow(rows, name);
    return rows;
  } catch (error) {
    if (error instanceof DataError) throw new UsageError(error.message);
    throw error;
  }
}

function toRow(fields: Fields): Omit<ManifestRow, "row"> {
  const { label } = fields;
  const whose = whoseRow(fields);
  if (label !== undefined && typeof label !== "string") throw unexpected("label", label, "text");
  const drawn = drawnIn(fields);
  const place = placeOf(fields);
  if (drawn.points !== undefined && place.slices !== undefined)
    throw new DataError("column points with z0 and z1; expected a box, or points with a slice");
  return {
    ...{ ...whose, ...place, ...drawn },
    ...(label !== undefined && label !== "" && { label }),
  };
}

/** The box and the points of a row. @throws DataError when there is neither. */
export function drawnIn(fields: Fields): Pick<ManifestRow, "box" | "points"> {
  const points = pointsOf(fields["points"]);
  const boxed = points === undefined || COORDINATES.some((column) => isGiven(fields[column]));
  const [x0, y0, x1, y1] = COORDINATES.map((column) => (boxed ? toNumber(fields, column) : 0));
  const box: Box | undefined = boxed ? [x0, y0, x1, y1] : undefined;
  try {
    if (box !== undefined) assertPossibleOnSomeImage({ box });
  } catch (error) {
    throw new DataError(messageOf(error));
  }
  return { ...(box && { box }), ...(points && { points }) };
}

/** Of which image, case and object a row is. */
function whoseRow({ image, object, case: id }: Fields): Pick<ManifestRow, "image" | "case" | "object"> {
  if (typeof image !== "string" || image === "")
    throw unexpected("image", image, "the file name of an image");
  if (object !== undefined && typeof object !== "string") throw unexpected("object", object, "text");
  if (id !== undefined && (typeof id !== "string" || !/^$|^(?!\.)[^/\\:*?"<>|\p{Cc}]{1,200}$/u.test(id)))
    throw unexpected("case", id, "text that a file name may have");
  return {
    image,
    ...(object !== undefined && object !== "" && { object }),
    ...(id !== undefined && id !== "" && { case: id }),
  };
}

function knownOf(fields: Fields): Partial<ReturnType<typeof whoseRow>> {
  try {
    return whoseRow(fields);
  } catch {
    return {};
  }
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== "";

function pointsOf(value: unknown): readonly LabelledPoint[] | undefined {
  if (!isGiven(value)) return undefined;
  if (typeof value !== "string") throw unexpected("points", value, "text such as 120,80; 90,70,0");
  try {
    return value.split(";").reduce<readonly LabelledPoint[]>((all, one) => collectPoint(one, all), []);
  } catch (error) {
    throw new DataError(`column points is ${JSON.stringify(value)}: ${messageOf(error)}`);
  }
}

/** Where in a volume a box lies. */
function placeOf(fields: Fields): Pick<ManifestRow, "slice" | "slices"> {
  const { slice, z0, z1 } = fields;
  const whole = (column: string): number => {
    const expected = "the number of a slice, from 0";
    const number = toNumber(fields, column, expected);
    if (!Number.isInteger(number) || number < 0) throw unexpected(column, fields[column], expected);
    return number;
  };
  if (!isGiven(z0) && !isGiven(z1)) return isGiven(slice) ? { slice: whole("slice") } : {};
  if (isGiven(slice)) throw new DataError("has slice and z0, z1; expected one of both");
  const [first, last] = [whole("z0"), whole("z1")];
  if (first > last) throw new DataError(`z0 is ${first} and z1 ${last}; expected z0 <= z1`);
  return { slices: [first, last] };
}

function toNumber(fields: Fields, column: string, expected = "a number of pixels"): number {
  const value = fields[column];
  const number = typeof value === "string" && value !== "" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isFinite(number)) throw unexpected(column, value, expected);
  return number;
}

/** What is wrong with a value of a table. */
export function unexpected(column: string, value: unknown, expected: string): DataError {
  const shown = value === undefined ? "missing" : JSON.stringify(value);
  return new DataError(`column ${column} is ${shown}; expected ${expected}`);
}
