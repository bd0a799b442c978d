import { DataError, splitNamed, type CaseFile } from "./caseFile.js";
import { everyRow, readTable, type Fields } from "./tableRows.js";

const EXPECTED =
  "expected a table of image, labels and, if you like, split (train, validation or test) and case";

/**
 * Reads a data set's table, as `readTable` does. Columns `image` and `labels` are paths relative to the table's folder;
 * `split` is `train`, `validation` or `test`; rows of one `case` (a patient, a volume) are never split. Other columns
 * are ignored. One bad row refuses the table: what a model is trained on should not depend on a typing mistake.
 *
 * @param name of the file, for messages.
 * @throws DataError naming the row and what is wrong with it.
 */
export function parseCaseTable(text: string, name: string, resolve: (path: string) => string): CaseFile[] {
  const cases = everyRow(
    readTable(text, name, EXPECTED, (fields) => toCase(fields, resolve)),
    name,
  );
  const seen = new Map<string, number>();
  for (const [index, { id }] of cases.entries()) {
    const before = seen.get(id);
    if (before !== undefined)
      throw new DataError(`${name}, row ${index + 1}: ${id} is row ${before} too; name an image once`);
    seen.set(id, index + 1);
  }
  return cases;
}

function toCase(fields: Fields, resolve: (path: string) => string): CaseFile {
  const image = text(fields, "image");
  const labels = text(fields, "labels");
  if (image === undefined) throw new DataError(`column image is missing; ${EXPECTED}`);
  // MedSAM's npz holds both.
  if (labels === undefined && !/\.npz$/i.test(image))
    throw new DataError(`column labels is missing; ${EXPECTED}`);
  const word = text(fields, "split");
  const split = word === undefined ? undefined : splitNamed(word);
  if (word !== undefined && split === undefined)
    throw new DataError(`column split is "${word}"; expected train, validation or test`);
  return {
    id: image,
    image: resolve(image),
    labels: resolve(labels ?? image),
    group: text(fields, "case") ?? image,
    ...(split && { split }),
  };
}

function text(fields: Fields, column: string): string | undefined {
  const value = fields[column];
  if (value === undefined || value === "") return undefined;
  if (typeof value !== "string")
    throw new DataError(`column ${column} is ${JSON.stringify(value)}; expected text`);
  return value;
}
