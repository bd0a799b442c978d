import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { bytesSource, type ByteSource } from "../../../src/weights/byteSource.js";
import { CheckpointError, type Checkpoint } from "../../../src/weights/checkpoint.js";

/** A source that insists on being read within its bounds. */
export function strictSource(file: Uint8Array): ByteSource {
  const source = bytesSource(file, "damaged");
  return {
    ...source,
    read(offset, length) {
      if (!(offset >= 0 && length >= 0 && offset + length <= file.length))
        throw new RangeError(`read of ${length} bytes at ${offset} in a file of ${file.length}`);
      return source.read(offset, length);
    },
  };
}

/**
 * The message with which a file is rejected; undefined where it is accepted, and all its tensors were read. Errors
 * other than CheckpointErrors pass through.
 */
export function rejectionOf(file: Uint8Array, read: (source: ByteSource) => Checkpoint): string | undefined {
  try {
    const checkpoint = read(strictSource(file));
    for (const name of checkpoint.tensors.keys()) checkpoint.readBytes(name);
    return undefined;
  } catch (error) {
    if (error instanceof CheckpointError) return error.message;
    throw error;
  }
}

/** Frees what nothing holds any more, so that memory in use is what is needed, not what waits to be freed. */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
