import { getHFHubCachePath, getRepoFolderName } from "@huggingface/hub";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync, symlinkSync, writeFileSync } from "node:fs"; // prettier-ignore
import { basename, dirname, join, relative } from "node:path";
import { fileSource } from "./byteSource.node.js";
import { isCommit, isPlainPath, type HubAddress } from "./hubAddress.js";
import { INDEX_ENDING } from "./open.node.js";
import { shardNames } from "./sharded.js";

/*
 * The cache of huggingface_hub, which Python shares: models--OWNER--REPOSITORY with `refs` (the commit of a branch),
 * `blobs` (files by their hash) and `snapshots` (for each commit links to blobs).
 *
 * @see huggingface.co/docs/huggingface_hub/guides/manage-cache
 */

/** The cache's folder, from `HF_HUB_CACHE`, `HF_HOME` and so on. */
export function hubCacheFolder(): string {
  return getHFHubCachePath();
}

/** What the cache has of a repository at one commit. */
export class CachedSnapshot {
  private readonly repository: string;

  constructor(
    repository: string,
    readonly commit: string,
  ) {
    this.repository = join(hubCacheFolder(), getRepoFolderName({ type: "model", name: repository }));
  }

  /** The snapshot that a branch, a tag or a commit names, where the cache knows that. */
  static find({ repository, revision }: HubAddress): CachedSnapshot | undefined {
    if (isCommit(revision)) return new CachedSnapshot(repository, revision);
    const ref = join(new CachedSnapshot(repository, "").repository, "refs", revision);
    const commit = existsSync(ref) ? readFileSync(ref, "utf8").trim() : "";
    return isCommit(commit) ? new CachedSnapshot(repository, commit) : undefined;
  }

  /** Where a file of the repository is, or will be. */
  pathOf(file: string): string {
    return join(this.repository, "snapshots", this.commit, file);
  }

  /** Where a file's bytes are, or will be, by their hash. */
  blobOf(hash: string): string {
    return join(this.repository, "blobs", hash);
  }

  /** Names at the root. */
  files(): string[] {
    const folder = this.pathOf("");
    return existsSync(folder) ? readdirSync(folder) : [];
  }

  /** Whether a checkpoint is all there: with an index, the files that it names too. */
  holds(file: string): boolean {
    return existsSync(this.pathOf(file)) && this.partsOf(file).every((part) => existsSync(this.pathOf(part)));
  }

  /** The files that an index names, which lie beside it; none for any other file. */
  partsOf(file: string): string[] {
    if (!file.endsWith(INDEX_ENDING)) return [];
    const names = shardNames(fileSource(this.pathOf(file)));
    return names.map((name) => join(dirname(file), name).replaceAll("\\", "/"));
  }

  /** The hash that the hub gave a file: its SHA-256 where it is large. */
  hashOf(file: string): string {
    return basename(realpathSync(this.pathOf(file)));
  }

  sizeOf(file: string): number {
    return statSync(this.pathOf(file)).size;
  }

  /** Makes room for blobs, and puts what is one there under its name in the repository. */
  link(file: string, hash: string): void {
    const [path, blob] = [this.pathOf(file), this.blobOf(hash)];
    mkdirSync(dirname(path), { recursive: true });
    if (existsSync(path)) return;
    try {
      symlinkSync(relative(dirname(path), blob), path);
    } catch {
      copyFileSync(blob, path); // where links are not permitted, as on Windows
    }
  }

  /** Remembers that this is the commit of a branch or tag. */
  remember(revision: string): void {
    if (isCommit(revision) || !isPlainPath(revision)) return;
    const ref = join(this.repository, "refs", revision);
    mkdirSync(dirname(ref), { recursive: true });
    writeFileSync(ref, this.commit);
  }
}
