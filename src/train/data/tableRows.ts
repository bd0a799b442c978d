import { CsvError, parse } from "csv-parse/sync";
import { DataError } from "./caseFile.js";

/** A row of a table: its values by the names of the columns, in small letters. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a table: CSV with a header line, whose columns are parted by commas, semicolons or tabs, or a JSON array of
 * objects. Capitals in the names of columns do not count. This is the one reader of tables.
 *
 * @param name of the file, for messages; JSON is told by its first character.
 * @param expected what the table should hold, for messages.
 * @returns the rows, one at least.
 * @throws DataError when it is neither, has no rows, or names a column twice.
 */
export function readTable(text: string, name: string, expected: string): Fields[] {
  const plain = text.replace(/^\uFEFF/, ""); // the byte order mark that Excel writes
  const rows = plain.trimStart().startsWith("[")
    ? readJson(plain, name, expected)
    : readCsv(plain, name, expected);
  if (rows.length === 0) throw new DataError(`${name}: has no rows; ${expected}`);
  return rows;
}

function readJson(text: string, name: string, expected: string): Fields[] {
  let rows: unknown[];
  try {
    rows = JSON.parse(text) as unknown[];
  } catch (error) {
    throw new DataError(`${name}: is not JSON (${(error as Error).message}); ${expected}`);
  }
  return rows.map((row, index) => {
    const where = `${name}, row ${index + 1}`;
    if (typeof row !== "object" || row === null || Array.isArray(row))
      throw new DataError(`${where}: is not an object; ${expected}`);
    const keys = columnNames(Object.keys(row), where);
    return Object.fromEntries(Object.values(row).map((value, i) => [keys[i], value]));
  });
}

function readCsv(text: string, name: string, expected: string): Fields[] {
  try {
    return parse<Fields>(text, {
      columns: (header) => columnNames(header, name),
      delimiter: separatorOf(text),
      skip_empty_lines: true,
      trim: true,
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new DataError(`${name}: is not CSV (${error.message}); ${expected}`);
  }
}

/** Excel parts columns by semicolons where numbers have a decimal comma; what is pasted from a sheet has tabs. */
function separatorOf(text: string): string {
  const [header] = text.trimStart().split(/\r\n?|\n/, 1);
  const count = (separator: string) => header.split(separator).length;
  return [",", ";", "\t"].reduce((most, one) => (count(one) > count(most) ? one : most));
}

function columnNames(header: readonly string[], where: string): string[] {
  const names = header.map((name) => name.trim().toLowerCase());
  const twice = names.find((name, i) => name !== "" && names.indexOf(name) !== i);
  if (twice !== undefined) throw new DataError(`${where}: has the column ${twice} twice; name it once`);
  return names;
}
