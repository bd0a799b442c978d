import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { safetensorsChunks, type TensorToWrite } from "./safetensorsWriter.js";

/**
 * Writes a safetensors file, holding one tensor in memory at a time. `path` never holds half a file: the bytes go
 * to a temporary name beside it, which takes the place of `path` at the end and is removed on any error.
 *
 * @throws CheckpointError as `safetensorsChunks`; the file system's error when the file cannot be written.
 */
export function saveSafetensors(
  path: string,
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  const descriptor = openSync(temporary, "wx");
  try {
    try {
      for (const chunk of safetensorsChunks(tensors, metadata)) writeAll(descriptor, chunk);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  // One write call takes at most 2^31 - 1 bytes, and may take fewer than it was given.
  for (let done = 0; done < bytes.length;)
    done += writeSync(descriptor, bytes, done, Math.min(bytes.length - done, 2 ** 30));
}
