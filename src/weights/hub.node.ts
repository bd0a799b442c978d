import { createHash, type Hash } from "node:crypto";
import { closeSync, createReadStream, existsSync, fstatSync, fsyncSync, ftruncateSync, mkdirSync, openSync, renameSync, rmSync, statfsSync, writeSync } from "node:fs"; // prettier-ignore
import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import { CheckpointError } from "./checkpoint.js";
import { chooseWeights, formatHubAddress, type HubAddress } from "./hubAddress.js";
import { CachedSnapshot, hubCacheFolder } from "./hubCache.node.js";
import { HubClient, HubUnreachable, isOffline, type HubFile } from "./hubClient.node.js";

/** Weights of the hub that lie in the cache. */
export interface HubWeights {
  /** Of the file; for weights in several files, of their index. */
  readonly path: string;
  /** With the commit, so that it means the same for ever: `hf:OWNER/REPOSITORY@COMMIT/FILE`. */
  readonly address: string;
  /** Bytes of all files together. */
  readonly size: number;
  /** The hub's hash of the file: its SHA-256, or Git's hash where it is small. */
  readonly hash: string;
  /** As the authors state it; unknown where the hub was not asked. */
  readonly licence?: string;
}

/** How weights are fetched from the hub. */
export interface HubOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told once what will be fetched, before it is; not where all is in the cache. */
  readonly onFetch?: (what: { from: string; address: string; size: number; licence?: string }) => void;
  /** Told the share that is there, 0 to 1. */
  readonly onProgress?: (share: number) => void;
  /** Ask the hub whether there are newer ones. Default: what is in the cache is taken without asking. */
  readonly refresh?: boolean;
}

/** Pauses before a connection that broke is tried again, in milliseconds. Each byte that comes begins anew. */
const PAUSES = [250, 500, 1000] as const;

/**
 * Weights of the Hugging Face hub, from the cache that Python's huggingface_hub shares, or fetched into it. A fetch
 * that broke off is resumed; what does not have the hub's hash is never put into the cache.
 *
 * @throws CheckpointError when they are not there and cannot be fetched: what to do is said.
 */
export async function hubWeights(address: HubAddress, options: HubOptions = {}): Promise<HubWeights> {
  const cached = findInCache(address);
  if (cached !== undefined && (options.refresh !== true || isOffline())) return cached;
  if (isOffline())
    throw new CheckpointError(
      `${formatHubAddress(address)}: is not in the cache ${hubCacheFolder()}, and HF_HUB_OFFLINE is set; unset it to ` +
        `fetch the weights`,
    );
  try {
    return await fetchWeights(address, options);
  } catch (error) {
    if (cached !== undefined && error instanceof HubUnreachable) return cached;
    throw error;
  }
}

/** The weights, where all of them are in the cache. */
function findInCache(address: HubAddress): HubWeights | undefined {
  const snapshot = CachedSnapshot.find(address);
  if (snapshot === undefined) return undefined;
  let { file } = address;
  try {
    file ??= chooseWeights(snapshot.files(), address.repository);
    return snapshot.holds(file) ? describe(address, snapshot, file) : undefined;
  } catch (error) {
    if (error instanceof CheckpointError) return undefined; // no weights yet, or an index that is damaged
    throw error;
  }
}

function describe(address: HubAddress, snapshot: CachedSnapshot, file: string, licence?: string): HubWeights {
  const files = [file, ...snapshot.partsOf(file)];
  return {
    path: snapshot.pathOf(file),
    address: formatHubAddress({ ...address, revision: snapshot.commit, file }),
    size: files.reduce((sum, each) => sum + snapshot.sizeOf(each), 0),
    hash: snapshot.hashOf(file),
    ...(licence !== undefined && { licence }),
  };
}

async function fetchWeights(address: HubAddress, options: HubOptions): Promise<HubWeights> {
  const { repository, revision } = address;
  const hub = new HubClient(repository, options.signal);
  const { commit, files, licence } = await hub.describe(revision);
  const file = address.file ?? chooseWeights(files, repository);
  const snapshot = new CachedSnapshot(repository, commit);
  const fetcher = new Fetcher(hub, snapshot, formatHubAddress({ ...address, file }), options);
  const [first] = await hub.filesOf([file], commit);
  await fetcher.fetch([first], licence);
  const parts = snapshot.partsOf(file);
  if (parts.length > 0) await fetcher.fetch(await hub.filesOf(parts, commit), licence);
  onDisk(snapshot.pathOf(file), () => snapshot.remember(revision));
  return describe(address, snapshot, file, licence);
}

/** Fetches files of one snapshot. */
class Fetcher {
  constructor(
    private readonly hub: HubClient,
    private readonly snapshot: CachedSnapshot,
    private readonly address: string,
    private readonly options: HubOptions,
  ) {}

  async fetch(files: readonly HubFile[], licence: string | undefined): Promise<void> {
    const missing = files.filter(({ hash }) => !existsSync(this.snapshot.blobOf(hash)));
    const size = missing.reduce((sum, file) => sum + file.size, 0);
    if (missing.length > 0)
      this.options.onFetch?.({
        ...{ from: this.hub.hubUrl, address: this.address, size },
        ...(licence !== undefined && { licence }),
      });
    let before = 0;
    for (const file of missing) {
      const start = before;
      await this.fetchBlob(file, (bytes) => this.options.onProgress?.((start + bytes) / Math.max(size, 1)));
      before += file.size;
    }
    for (const { path, hash } of files)
      onDisk(this.snapshot.pathOf(path), () => this.snapshot.link(path, hash));
  }

  /** Leaves the whole file under its hash, or what came of it beside that, to be resumed. */
  private async fetchBlob(file: HubFile, onBytes: (bytes: number) => void): Promise<void> {
    const blob = this.snapshot.blobOf(file.hash);
    // Not the name that huggingface_hub resumes: it checks no hash.
    const partial = `${blob}.medsam.incomplete`;
    onDisk(blob, () => mkdirSync(dirname(blob), { recursive: true }));
    const descriptor = onDisk(partial, () => openSync(partial, existsSync(partial) ? "r+" : "w+"));
    let resumed: boolean;
    let hash: string;
    try {
      if (fstatSync(descriptor).size > file.size) ftruncateSync(descriptor);
      const had = fstatSync(descriptor).size;
      resumed = had > 0;
      checkRoom(blob, file.size - had);
      hash = await this.receive(file, { descriptor, partial, had, onBytes });
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    if (hash === file.hash) {
      // Another process may have fetched the same.
      if (!existsSync(blob)) onDisk(blob, () => renameSync(partial, blob));
      return;
    }
    rmSync(partial, { force: true });
    // What was there before may have been damaged; what has come anew is what there is.
    if (resumed) return this.fetchBlob(file, onBytes);
    throw new CheckpointError(
      `${this.address}: ${file.path} has arrived damaged: its ${file.kind === "sha256" ? "SHA-256" : "Git hash"} is ` +
        `${hash}, the hub says ${file.hash}. Nothing of it was kept; try again`,
    );
  }

  /** Writes what is missing behind what there is. @returns the hash of all. */
  private async receive(
    file: HubFile,
    to: { descriptor: number; partial: string; had: number; onBytes: (bytes: number) => void },
  ): Promise<string> {
    let hash = hashFor(file);
    if (to.had > 0) for await (const chunk of createReadStream(to.partial, { end: to.had - 1 })) hash.update(chunk as Uint8Array); // prettier-ignore
    let done = to.had;
    for (let tries = 0; done < file.size;) {
      const before = done;
      let cause: unknown = "the answer ended";
      try {
        const { from, bytes } = await this.hub.read(file.path, this.snapshot.commit, done);
        if (from !== done) [done, hash] = [from, hashFor(file)];
        for await (const chunk of bytes) {
          this.options.signal?.throwIfAborted();
          onDisk(to.partial, () => writeAll(to.descriptor, chunk, done));
          hash.update(chunk);
          done += chunk.length;
          to.onBytes(Math.min(done, file.size));
          if (done > file.size) break; // more than the file: the hash will tell
        }
      } catch (error) {
        this.options.signal?.throwIfAborted();
        if (error instanceof CheckpointError && !(error instanceof HubUnreachable)) throw error;
        cause = error;
      }
      if (done >= file.size) break;
      tries = done > before ? 0 : tries + 1;
      if (tries >= PAUSES.length) throw this.broken(file, done, cause);
      await setTimeout(PAUSES[tries], undefined, { signal: this.options.signal });
    }
    return hash.digest("hex");
  }

  private broken({ size }: HubFile, done: number, cause: unknown): CheckpointError {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new CheckpointError(
      `${this.address}: the connection broke after ${megabytes(done)} of ${megabytes(size)} (${why}). What has come is ` +
        `kept; run the same again to resume`,
      { cause },
    );
  }
}

function hashFor({ kind, size }: HubFile): Hash {
  return kind === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}

function writeAll(descriptor: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length;)
    done += writeSync(descriptor, bytes, done, bytes.length - done, at + done);
}

function checkRoom(blob: string, needed: number): void {
  const { bavail, bsize } = statfsSync(dirname(blob));
  if (bavail * bsize < needed)
    throw new CheckpointError(
      `${dirname(blob)}: too little room: ${megabytes(needed)} are needed, ${megabytes(bavail * bsize)} are free. ` +
        ANOTHER_DISK,
    );
}

const ANOTHER_DISK = "Make room, or set HF_HOME to a folder on another disk";

/** Says of the file system's errors what to do. */
function onDisk<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause)) throw cause;
    throw new CheckpointError(`${path}: cannot be written (${cause.message}). ${ANOTHER_DISK}`, { cause });
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
