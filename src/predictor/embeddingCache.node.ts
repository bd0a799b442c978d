import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../image/encode.node.js";

/** Bytes of the SHA-256 before the values. */
const DIGEST = 32;
const ENDING = ".embedding";
/** A temporary file older than this, in milliseconds, was left behind by a process that was killed. */
const ABANDONED = 3_600_000;

/**
 * Image embeddings in a folder: computed once, read from then on. Every file has
 * the SHA-256 of its values; one that is damaged or cut off counts as not there. Files are written under a temporary
 * name, so that a kill leaves none half written. Several processes may share a folder. Node only.
 */
export class DiskEmbeddingCache {
  /** Entries that this process used: they are not removed for others. */
  private readonly used = new Set<string>();

  private constructor(
    private readonly folder: string,
    private readonly mostBytes: number,
    private readonly sizes: Map<string, number>,
    private bytes: number,
  ) {}

  /**
   * Opens the folder of a cache, or makes it.
   *
   * @param mostBytes of all files together; what does not fit is computed again each time.
   */
  static async open(folder: string, mostBytes: number): Promise<DiskEmbeddingCache> {
    await mkdir(folder, { recursive: true });
    const found: { name: string; size: number; time: number }[] = [];
    for (const name of await readdir(folder)) {
      const status = await stat(join(folder, name)).catch(() => undefined); // another process may remove it
      if (status === undefined) continue;
      if (name.endsWith(ENDING)) found.push({ name, size: status.size, time: status.mtimeMs });
      else if (name.includes(`${ENDING}.`) && Date.now() - status.mtimeMs > ABANDONED)
        await rm(join(folder, name), { force: true });
    }
    found.sort((a, b) => a.time - b.time);
    const sizes = new Map(found.map(({ name, size }) => [name, size]));
    const bytes = found.reduce((sum, { size }) => sum + size, 0);
    return new DiskEmbeddingCache(folder, mostBytes, sizes, bytes);
  }

  /** The values stored under a key; `undefined` when there are none, or the file is damaged. */
  async get(key: string): Promise<Float32Array | undefined> {
    const name = nameOf(key);
    let file: Buffer;
    try {
      file = await readFile(join(this.folder, name));
    } catch {
      return undefined;
    }
    const payload = file.subarray(DIGEST);
    if (payload.length % 4 !== 0 || !digestOf(payload).equals(file.subarray(0, DIGEST))) return undefined;
    this.used.add(name);
    // A copy starts where 4-byte numbers may.
    return new Float32Array(Uint8Array.from(payload).buffer);
  }

  /**
   * Stores values, unless all space is taken by entries that are in use, or the disk takes no more; the oldest others
   * make room.
   */
  async set(key: string, values: Float32Array): Promise<void> {
    const name = nameOf(key);
    const payload = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const size = DIGEST + payload.length;
    this.forget(name);
    for (const other of [...this.sizes.keys()]) {
      if (this.bytes + size <= this.mostBytes) break;
      if (this.used.has(other)) continue;
      await rm(join(this.folder, other), { force: true });
      this.forget(other);
    }
    if (this.bytes + size > this.mostBytes) return;
    const file = new Uint8Array(size);
    file.set(digestOf(payload));
    file.set(payload, DIGEST);
    try {
      await writeFileAtomic(join(this.folder, name), file);
    } catch (error) {
      // A full disk is no reason to stop: what is not kept is computed again.
      if (error instanceof Error && "syscall" in error) return;
      throw error;
    }
    this.sizes.set(name, size);
    this.bytes += size;
    this.used.add(name);
  }

  private forget(name: string): void {
    this.bytes -= this.sizes.get(name) ?? 0;
    this.sizes.delete(name);
  }
}

function nameOf(key: string): string {
  return createHash("sha256").update(key).digest("hex") + ENDING;
}

function digestOf(payload: Uint8Array): Buffer {
  return createHash("sha256").update(payload).digest();
}
