import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, dirname, join, normalize } from "node:path";
import { pipeline } from "node:stream/promises";
import { open, type Entry, type ZipFile } from "yauzl";
import { NativeError } from "./nativeError.js";

/** SHA-256 of a file, in hexadecimal digits. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

export interface UnpackOptions {
  /** Which members to take, by their names. */
  readonly wanted: (name: string) => boolean;
  readonly signal?: AbortSignal;
  /** Told the share of the wanted bytes that is written. */
  readonly onProgress?: (share: number) => void;
}

/**
 * Unpacks members of a wheel into a folder, streaming: a library is larger than what memory should hold.
 *
 * @throws NativeError when the file is no wheel, or damaged. Its hash is the caller's to check.
 */
export async function unpackWheel(wheel: string, folder: string, options: UnpackOptions): Promise<void> {
  const { wanted, signal, onProgress } = options;
  let zip: ZipFile | undefined;
  try {
    zip = await openZip(wheel);
    const entries = (await readEntries(zip)).filter(
      ({ fileName }) => !fileName.endsWith("/") && wanted(fileName),
    );
    const total = entries.reduce((sum, entry) => sum + entry.uncompressedSize, 0);
    let done = 0;
    for (const entry of entries) {
      signal?.throwIfAborted();
      const target = join(folder, normalize(entry.fileName));
      await mkdir(dirname(target), { recursive: true });
      const stream = await openEntry(zip, entry);
      stream.on("data", (chunk: Buffer) => onProgress?.((done += chunk.length) / total));
      await pipeline(stream, createWriteStream(target, { mode: modeOf(entry) }), { signal });
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason as Error;
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error; // The disk's: full, or not to be written.
    throw new NativeError(
      `${basename(wheel)} is damaged or no wheel: ${(error as Error).message}; fetch it again`,
    );
  } finally {
    zip?.close();
  }
}

/** A program, such as CUDA's assembler, stays one. */
function modeOf({ externalFileAttributes }: Entry): number {
  return (externalFileAttributes >>> 16) & 0o100 ? 0o755 : 0o644;
}

function openZip(path: string): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    open(path, { lazyEntries: true, autoClose: false }, (error, zip) => {
      if (error === null) resolve(zip);
      else reject(error);
    });
  });
}

function readEntries(zip: ZipFile): Promise<Entry[]> {
  return new Promise((resolve, reject) => {
    const entries: Entry[] = [];
    zip.on("entry", (entry: Entry) => {
      entries.push(entry);
      zip.readEntry();
    });
    zip.on("end", () => resolve(entries));
    zip.on("error", reject);
    zip.readEntry();
  });
}

function openEntry(zip: ZipFile, entry: Entry): Promise<NodeJS.ReadableStream> {
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error === null) resolve(stream);
      else reject(error);
    });
  });
}
