import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileSource } from "./byteSource.node.js";
import { CheckpointError, type Checkpoint } from "./checkpoint.js";
import { openCheckpoint } from "./open.js";
import { readShardedSafetensors } from "./sharded.js";

/**
 * Opens a checkpoint file: safetensors, `.pth`, or the index of a sharded one (`*.index.json`). Node only.
 *
 * @throws CheckpointError when there is no such file, or it is no checkpoint.
 */
export function openCheckpointFile(path: string): Checkpoint {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined)
    throw new CheckpointError(`${path}: no such file; expected a .safetensors or .pth checkpoint`);
  if (!stat.isFile())
    throw new CheckpointError(`${path}: is a folder; expected a .safetensors or .pth checkpoint`);
  if (!path.endsWith(".index.json")) return openCheckpoint(fileSource(path));
  return readShardedSafetensors(fileSource(path), (name) => fileSource(join(dirname(path), name)));
}

/** SHA-256 of a file, in hexadecimal digits. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
