import { createHash } from "node:crypto";
import { createReadStream, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileSource } from "./byteSource.node.js";
import type { ByteSource } from "./byteSource.js";
import { CheckpointError, type Checkpoint } from "./checkpoint.js";
import { openCheckpoint } from "./open.js";
import { PUBLISHED } from "./published.js";
import { readShardedSafetensors } from "./sharded.js";

/** How the index of a checkpoint in several files ends. */
export const INDEX_ENDING = ".index.json";

/**
 * Opens a checkpoint: a safetensors or `.pth` file, the index of a sharded one (`*.index.json`), or the folder that
 * holds one of these. Node only.
 *
 * @throws CheckpointError when there is no such file, it cannot be read, or it is no checkpoint.
 */
export function openCheckpointFile(path: string): Checkpoint {
  const file = findCheckpoint(path);
  const source = openSource(file);
  if (!file.endsWith(INDEX_ENDING)) return openCheckpoint(source);
  return readShardedSafetensors(source, (name) => fileSource(join(dirname(file), name)));
}

/**
 * The file that `openCheckpointFile` opens: `path` itself or, for a folder, the one index in it or else the one
 * checkpoint.
 *
 * @throws CheckpointError when there is no such file, or the folder holds none or several.
 */
export function findCheckpoint(path: string): string {
  const stat = reading(path, () => statSync(path, { throwIfNoEntry: false }));
  if (stat === undefined)
    throw new CheckpointError(
      `${path}: no such file; expected a .safetensors or .pth checkpoint, hf:OWNER/REPOSITORY, or one of ` +
        PUBLISHED.map(({ name }) => name).join(", "),
    );
  if (!stat.isDirectory()) return path;
  const names = reading(path, () => readdirSync(path));
  const indexes = names.filter((name) => name.endsWith(INDEX_ENDING));
  const found =
    indexes.length > 0 ? indexes : names.filter((name) => /\.(safetensors|pth|pt|bin)$/.test(name));
  if (found.length !== 1)
    throw new CheckpointError(
      `${path}: is a folder with ${found.length === 0 ? "no checkpoint" : found.join(", ")}; name the file`,
    );
  return join(path, found[0]);
}

/** SHA-256 of a checkpoint's file (for a sharded one: of its index), in hexadecimal digits. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(findCheckpoint(path))) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}

function openSource(path: string): ByteSource {
  return reading(path, () => fileSource(path));
}

/** Says of the file system's errors which checkpoint they are about. */
function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CheckpointError(`${path}: cannot be read: ${why}`, { cause });
  }
}
