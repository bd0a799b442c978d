import { CsvError, parse } from "csv-parse/sync";
import type { Box } from "../predictor/types.js";
import { UsageError, messageOf } from "./errors.js";
import { assertPossibleOnSomeImage } from "./prompts.js";

/**
 * One object to segment: a row of the file behind `--boxes`. This is the one table of cases that commands read;
 * columns that a command does not know are left alone.
 */
export interface ManifestRow {
  /** File of the image, relative to the table's folder. */
  readonly image: string;
  /** Pixels: x0, y0, x1, y1. */
  readonly box: Box;
  /** What the object is, for people. */
  readonly label?: string;
  /** What the outputs are named after, where file names do not tell images apart. */
  readonly case?: string;
}

const COORDINATES = ["x0", "y0", "x1", "y1"] as const;
const EXPECTED = "expected a table of image, x0, y0, x1, y1 and, if you like, label";

/**
 * Reads a table as CSV with a header line, or as a JSON array of objects with the same names.
 *
 * @param name of the file, for messages; JSON is told by its first character.
 * @throws UsageError naming the row and what is wrong with it.
 */
export function parseManifest(text: string, name: string): ManifestRow[] {
  return parseRows(text, name, EXPECTED).map((row, index) => toRow(row, `${name}, row ${index + 1}`));
}

/** The rows of a table, CSV or JSON, one at least. @throws UsageError saying what was `expected`. */
export function parseRows(text: string, name: string, expected: string): unknown[] {
  const plain = text.replace(/^\uFEFF/, "");
  const rows = plain.trimStart().startsWith("[")
    ? parseJson(plain, name, expected)
    : parseCsv(plain, name, expected);
  if (rows.length === 0) throw new UsageError(`${name}: has no rows; ${expected}`);
  return rows;
}

function parseJson(text: string, name: string, expected: string): unknown[] {
  try {
    return JSON.parse(text) as unknown[];
  } catch (error) {
    throw new UsageError(`${name}: is not JSON (${messageOf(error)}); ${expected}`);
  }
}

function parseCsv(text: string, name: string, expected: string): unknown[] {
  try {
    return parse(text, { columns: true, skip_empty_lines: true, trim: true });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new UsageError(`${name}: is not CSV (${messageOf(error)}); ${expected}`);
  }
}

function toRow(row: unknown, where: string): ManifestRow {
  if (typeof row !== "object" || row === null || Array.isArray(row))
    throw new UsageError(`${where}: is not an object; ${EXPECTED}`);
  const fields = row as Readonly<Record<string, unknown>>;
  const { image, label, case: id } = fields;
  if (typeof image !== "string" || image === "")
    throw new UsageError(`${where}: column image is ${shown(image)}; expected the file name of an image`);
  if (label !== undefined && typeof label !== "string")
    throw new UsageError(`${where}: column label is ${shown(label)}; expected text`);
  if (id !== undefined && (typeof id !== "string" || !/^$|^(?!\.)[^/\\:*?"<>|\p{Cc}]{1,200}$/u.test(id)))
    throw new UsageError(`${where}: column case is ${shown(id)}; expected text that a file name may have`);
  const [x0, y0, x1, y1] = COORDINATES.map((column) =>
    toNumber(fields[column], `${where}: column ${column}`),
  );
  const box: Box = [x0, y0, x1, y1];
  try {
    assertPossibleOnSomeImage({ box });
  } catch (error) {
    throw new UsageError(`${where}: ${messageOf(error)}`);
  }
  return {
    ...{ image, box },
    ...(label !== undefined && label !== "" && { label }),
    ...(id !== undefined && id !== "" && { case: id }),
  };
}

function toNumber(value: unknown, where: string): number {
  const number = typeof value === "string" && value !== "" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isFinite(number))
    throw new UsageError(`${where} is ${shown(value)}; expected a number of pixels`);
  return number;
}

/** A value of a table, for an error. */
export function shown(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value);
}
