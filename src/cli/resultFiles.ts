import { existsSync, readFileSync, statSync } from "node:fs";
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
 * Files of one folder that get their names together, when all are written; or, where that fails or is stopped, never.
 * Call `discard` in the end, whatever happened.
 */
export class StagedFiles {
  private readonly names: string[] = [];

  private constructor(
    private readonly folder: string,
    private readonly staged: string,
  ) {}

  /** @throws Error when the folder cannot be written to. */
  static async open(folder: string): Promise<StagedFiles> {
    try {
      await mkdir(folder, { recursive: true });
      return new StagedFiles(folder, await mkdtemp(join(folder, ".medsam-")));
    } catch (error) {
      throw notWritten(folder, error);
    }
  }

  /** Where to write what will be `path`: a file, or a folder of files. They get their names in the order of these calls. */
  place(path: string): string {
    this.names.push(basename(path));
    return join(this.staged, basename(path));
  }

  /** @throws Error saying why a file could not be written. */
  async write(path: string, content: string | Uint8Array): Promise<void> {
    try {
      await writeFileAtomic(this.place(path), content);
    } catch (error) {
      throw notWritten(this.folder, error);
    }
  }

  /** Gives all their names. What an earlier run wrote under them goes. */
  async publish(): Promise<void> {
    try {
      const old = await mkdtemp(join(this.staged, "old-"));
      for (const name of this.names) {
        const target = join(this.folder, name);
        // A file takes another's place at once; a folder does not.
        if (statSync(target, { throwIfNoEntry: false })?.isDirectory()) await rename(target, join(old, name));
        await rename(join(this.staged, name), target);
      }
    } catch (error) {
      throw notWritten(this.folder, error);
    }
  }

  async discard(): Promise<void> {
    await rm(this.staged, { recursive: true, force: true });
  }
}

/** Why nothing was written to a folder. */
export function notWritten(folder: string, error: unknown): Error {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return Object.assign(new Error(`${folder}: cannot be written to (${messageOf(error)}); nothing was written`, { cause: error }), { code }); // prettier-ignore
}

/**
 * Writes files of one folder, all of them or, on a full disk, none: they get their names when all are written. The JSON
 * comes first: it says whose the others are.
 */
export async function writeAll(
  files: readonly (readonly [path: string, content: string | Uint8Array])[],
): Promise<void> {
  const staged = await StagedFiles.open(dirname(files[0][0]));
  try {
    for (const [path, content] of files) await staged.write(path, content);
    await staged.publish();
  } finally {
    await staged.discard();
  }
}
