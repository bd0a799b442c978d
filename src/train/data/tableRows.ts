import { CsvError, parse } from "csv-parse/sync";
import { DataError } from "./caseFile.js";

/** A row of a table: its values by the names of the columns, in small letters. */
export type Fields = Readonly<Record<string, unknown>>;

/** What a row of a table holds, or why it cannot be used. */
export type TableRow<Row> = UsableRow<Row> | BadRow;

interface UsableRow<Row> {
  /** Its number, from 1; the header is not counted. */
  readonly row: number;
  readonly value: Row;
}

interface BadRow {
  readonly row: number;
  /** What was expected, and what came. */
  readonly error: string;
  /** As far as they can be told. */
  readonly fields: Fields;
}

/**
 * Reads a table: CSV with a header line, whose columns are parted by commas, semicolons or tabs, or a JSON array of
 * objects. Capitals in the names of columns do not count. This is the one reader of tables.
 *
 * @param name of the file, for messages; JSON is told by its first character.
 * @param expected what the table should hold, for messages.
 * @param read what a row means; a DataError that it throws is about this row.
 * @returns the rows in their order, one at least.
 * @throws DataError when it is no table at all, has no rows, or names a column twice.
 */
export function readTable<Row>(
  text: string,
  name: string,
  expected: string,
  read: (fields: Fields) => Row,
): TableRow<Row>[] {
  const plain = text.replace(/^\uFEFF/, ""); // the byte order mark that Excel writes
  const rows = plain.trimStart().startsWith("[")
    ? readJson(plain, name, expected)
    : readCsv(plain, name, expected);
  if (rows.length === 0) throw new DataError(`${name}: has no rows; ${expected}`);
  return rows.map(({ fields, error }, index) => {
    const row = index + 1;
    if (error !== undefined) return { row, error, fields };
    try {
      return { row, value: read(fields) };
    } catch (problem) {
      if (problem instanceof DataError) return { row, error: problem.message, fields };
      throw problem;
    }
  });
}

/** What all rows hold. @throws DataError naming the first that cannot be used. */
export function everyRow<Row>(rows: readonly TableRow<Row>[], name: string): Row[] {
  return rows.map((one) => {
    if ("value" in one) return one.value;
    throw new DataError(`${name}, row ${one.row}: ${one.error}`);
  });
}

interface TextRow {
  readonly fields: Fields;
  readonly error?: string;
}

function readJson(text: string, name: string, expected: string): TextRow[] {
  let rows: unknown[];
  try {
    rows = JSON.parse(text) as unknown[];
  } catch (error) {
    throw new DataError(`${name}: is not JSON (${(error as Error).message}); ${expected}`);
  }
  return rows.map((row): TextRow => {
    if (typeof row !== "object" || row === null || Array.isArray(row))
      return { fields: {}, error: `is not an object; ${expected}` };
    const given = Object.entries(row).filter(([, value]) => value !== null); // what pandas writes for nothing
    const names = columnNames(given.map(([column]) => column));
    const fields = Object.fromEntries(given.map(([, value], i) => [names[i], value as unknown]));
    const twice = repeated(names);
    return { fields, ...(twice !== undefined && { error: twice }) };
  });
}

function readCsv(text: string, name: string, expected: string): TextRow[] {
  let lines: string[][];
  try {
    lines = parse(text, {
      delimiter: separatorOf(text),
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    });
  } catch (error) {
    // A quote that is not closed: where the rows end cannot be told.
    if (!(error instanceof CsvError)) throw error;
    throw new DataError(`${name}: is not CSV (${error.message}); ${expected}`);
  }
  const [names = [], ...rows] = lines.map((line, index) => (index === 0 ? columnNames(line) : line));
  const twice = repeated(names);
  if (twice !== undefined) throw new DataError(`${name}: ${twice}`);
  return rows.map((values): TextRow => {
    const fields = Object.fromEntries(names.slice(0, values.length).map((column, i) => [column, values[i]]));
    if (values.length === names.length) return { fields };
    return { fields, error: `has ${values.length} values; expected ${names.length}, one for each column` };
  });
}

/** Excel parts columns by semicolons where numbers have a decimal comma; what is pasted from a sheet has tabs. */
function separatorOf(text: string): string {
  const [header] = text.trimStart().split(/\r\n?|\n/, 1);
  const count = (separator: string) => header.split(separator).length;
  return [",", ";", "\t"].reduce((most, one) => (count(one) > count(most) ? one : most));
}

const columnNames = (header: readonly string[]): string[] => header.map((name) => name.trim().toLowerCase());

function repeated(names: readonly string[]): string | undefined {
  const twice = names.find((name, i) => name !== "" && names.indexOf(name) !== i);
  return twice === undefined ? undefined : `has the column ${twice} twice; name it once`;
}
