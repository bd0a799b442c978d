import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { ByteSource } from "./byteSource.js";

/** A file read piece by piece. Node only. Files above 2 GiB are fine; one tensor may be too. */
export function fileSource(path: string): ByteSource {
  const descriptor = openSync(path, "r");
  const size = fstatSync(descriptor).size;
  return {
    name: path,
    size,
    read(offset, length) {
      const bytes = new Uint8Array(length);
      // One read call takes at most 2^31 - 1 bytes.
      for (let done = 0; done < length;) {
        const count = readSync(descriptor, bytes, done, Math.min(length - done, 2 ** 30), offset + done);
        if (count === 0) throw new Error(`${path}: ends at byte ${offset + done} while being read`);
        done += count;
      }
      return bytes;
    },
    close: () => closeSync(descriptor),
  };
}
