import { DataError, splitNamed, type CaseFile } from "./caseFile.js";
import { readTable, type Fields } from "./tableRows.js";

const EXPECTED =
  "expected a table of image, labels and, if you like, split (train, validation or test) and case";

/**
 * Reads a data set's table, as `readTable` does. Columns `image` and `labels` are paths relative to the table's folder; `split` is `train`, `validation` or `test`; rows of one `case` (a
 * patient, a volume) are never split. Other columns are ignored.
 *
 * @param name of the file, for messages.
 * @throws DataError naming the row and what is wrong with it.
 */
export function parseCaseTable(text: string, name: string, resolve: (path: string) => string): CaseFile[] {
  const rows = readTable(text, name, EXPECTED);
  const seen = new Map<string, number>();
  return rows.map((row, index) => {
    const found = toCase(row, `${name}, row ${index + 1}`, resolve);
    const before = seen.get(found.id);
    if (before !== undefined)
      throw new DataError(`${name}, row ${index + 1}: ${found.id} is row ${before} too; name an image once`);
    seen.set(found.id, index + 1);
    return found;
  });
}

function toCase(fields: Fields, where: string, resolve: (path: string) => string): CaseFile {
  const image = text(fields.image, `${where}: column image`);
  const labels = text(fields.labels, `${where}: column labels`);
  if (image === undefined) throw new DataError(`${where}: column image is missing; ${EXPECTED}`);
  // MedSAM's npz holds both.
  if (labels === undefined && !/\.npz$/i.test(image))
    throw new DataError(`${where}: column labels is missing; ${EXPECTED}`);
  const word = text(fields.split, `${where}: column split`);
  const split = word === undefined ? undefined : splitNamed(word);
  if (word !== undefined && split === undefined)
    throw new DataError(`${where}: column split is "${word}"; expected train, validation or test`);
  return {
    id: image,
    image: resolve(image),
    labels: resolve(labels ?? image),
    group: text(fields.case, `${where}: column case`) ?? image,
    ...(split && { split }),
  };
}

function text(value: unknown, where: string): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw new DataError(`${where} is ${JSON.stringify(value)}; expected text`);
  return value;
}
