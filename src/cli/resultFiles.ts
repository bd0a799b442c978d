import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { writeFileAtomic } from "../image/encode.node.js";
import { messageOf } from "./errors.js";

/**
 * Data sets keep hand-drawn masks as `NAME_mask.png` and annotations as `NAME.json`: what a command did not write
 * itself, it does not overwrite. Whose the files are, their JSON says: its `provenance.package` is this package.
 *
 * @param files all that one result is written to, its JSON among them.
 * @throws Error naming the file in the way.
 */
export function assertMayOverwrite(
  files: Readonly<Record<string, string>> & { readonly json: string },
  command: string,
): void {
  const inTheWay = Object.values(files).find((path) => existsSync(path));
  if (inTheWay === undefined || isOurs(files.json)) return;
  throw new Error(
    `${inTheWay}: is there already and was not written by medsam ${command}; choose another folder with --out`,
  );
}

function isOurs(json: string): boolean {
  try {
    const { provenance } = JSON.parse(readFileSync(json, "utf8")) as { provenance?: { package?: unknown } };
    return provenance?.package === "medsam-tfjs";
  } catch {
    return false;
  }
}

/**
 * Writes files of one folder, all of them or, on a full disk, none: they get their names when all are written. The JSON
 * comes first: it says whose the others are.
 */
export async function writeAll(
  files: readonly (readonly [path: string, content: string | Uint8Array])[],
): Promise<void> {
  const folder = dirname(files[0][0]);
  let staged: string | undefined;
  try {
    await mkdir(folder, { recursive: true });
    staged = await mkdtemp(join(folder, ".medsam-"));
    for (const [path, content] of files) await writeFileAtomic(join(staged, basename(path)), content);
    for (const [path] of files) await rename(join(staged, basename(path)), path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    throw Object.assign(new Error(`${folder}: cannot be written to (${messageOf(error)}); nothing was written`, { cause: error }), { code }); // prettier-ignore
  } finally {
    if (staged !== undefined) await rm(staged, { recursive: true, force: true });
  }
}
