import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, relative, resolve, sep } from "node:path";
import { DataError, type FoundCases } from "./caseFile.js";
import { pairFiles } from "./pairs.js";
import { parseCaseTable } from "./table.js";

/**
 * Finds the images and labels of a data set: a folder (`pairFiles`), a table in CSV or JSON (`parseCaseTable`), or
 * one of MedSAM's npz files. Opens none of them. Node only.
 *
 * @throws DataError when there is nothing of the kind.
 */
export async function findCases(path: string): Promise<FoundCases> {
  const root = resolve(path);
  try {
    if ((await stat(root)).isDirectory()) return pairFiles(await filesIn(root), root);
    if (/\.npz$/i.test(root)) {
      const name = basename(root);
      return { cases: [{ id: name, image: root, labels: root, group: name }], problems: [] };
    }
    if (/\.(csv|json)$/i.test(root)) {
      const text = await readFile(root, "utf8");
      return { cases: parseCaseTable(text, path, (file) => resolve(dirname(root), file)), problems: [] };
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${path}: cannot be read (${(error as Error).message})`);
  }
  throw new DataError(`${path}: is neither a folder, nor a table (.csv, .json), nor MedSAM's .npz`);
}

/** All files below a folder, in an order that is the same everywhere; hidden ones left out. */
async function filesIn(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, resolve(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((file) => !file.split("/").some((part) => part.startsWith(".")))
    .sort();
}
