import type { ByteSource } from "./byteSource.js";
import { CheckpointError, DTYPE_BYTES, sizeOf, type Checkpoint, type TensorInfo } from "./checkpoint.js";
import { JsonReader, quoted } from "./jsonReader.js";
import { readSafetensors } from "./safetensors.js";

interface ShardIndex {
  /** File name of each tensor. */
  readonly fileOf: ReadonlyMap<string, string>;
  /** Bytes of all tensors together, where the index says so. */
  readonly totalSize: number | undefined;
}

/**
 * Several safetensors files as one checkpoint, put together by an index file as Hugging Face writes it
 * (`model.safetensors.index.json`: `weight_map` from tensor to file, `metadata.total_size`).
 *
 * A shard is opened when one of its tensors is first read; `tensors` and `metadata` open all. Where shards' metadata
 * differ, the first file's counts.
 *
 * @param index the index file; it is read and closed at once.
 * @param openShard opens the file of this name beside the index. Names are plain file names, checked.
 * @throws CheckpointError when the index is not as described; and, when a shard is opened: when it cannot be opened,
 * lacks a tensor that the index puts there, or holds one that the index does not.
 */
export function readShardedSafetensors(
  index: ByteSource,
  openShard: (fileName: string) => ByteSource,
): Checkpoint {
  let read: ShardIndex;
  try {
    read = readIndex(index);
  } finally {
    index.close();
  }
  return new ShardedCheckpoint(index.name, read, openShard);
}

/** The files that an index names, each once; the index is read and closed. */
export function shardNames(index: ByteSource): string[] {
  try {
    return [...new Set(readIndex(index).fileOf.values())];
  } finally {
    index.close();
  }
}

class ShardedCheckpoint implements Checkpoint {
  /** Shards opened so far, by file name. */
  private readonly open = new Map<string, Checkpoint>();
  private all: ReadonlyMap<string, TensorInfo> | undefined;
  private closed = false;

  constructor(
    readonly source: string,
    private readonly index: ShardIndex,
    private readonly openShard: (fileName: string) => ByteSource,
  ) {}

  get tensors(): ReadonlyMap<string, TensorInfo> {
    return (this.all ??= this.gather());
  }

  get metadata(): Readonly<Record<string, string>> {
    const merged = new Map<string, string>();
    for (const file of new Set(this.index.fileOf.values()))
      for (const [key, value] of Object.entries(this.shard(file).metadata))
        if (!merged.has(key)) merged.set(key, value);
    return Object.fromEntries(merged);
  }

  readBytes(name: string): Uint8Array {
    const file = this.index.fileOf.get(name);
    if (file === undefined) throw new CheckpointError(`${this.source}: has no tensor ${quoted(name)}`);
    return this.shard(file).readBytes(name);
  }

  close(): void {
    this.closed = true;
    for (const shard of this.open.values()) shard.close();
  }

  private gather(): ReadonlyMap<string, TensorInfo> {
    const tensors = new Map<string, TensorInfo>();
    let size = 0;
    for (const file of new Set(this.index.fileOf.values())) {
      for (const [name, info] of this.shard(file).tensors) {
        tensors.set(name, info);
        size += sizeOf(info.shape) * DTYPE_BYTES[info.dtype];
      }
    }
    const { totalSize } = this.index;
    if (totalSize !== undefined && totalSize !== size)
      throw new CheckpointError(
        `${this.source}: total_size is ${totalSize}, but the tensors of all shards take ${size} bytes`,
      );
    return tensors;
  }

  private shard(file: string): Checkpoint {
    const known = this.open.get(file);
    if (known !== undefined) return known;
    if (this.closed)
      throw new CheckpointError(`${this.source}: was closed before ${quoted(file)} was opened`);
    let source: ByteSource;
    try {
      source = this.openShard(file);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new CheckpointError(`${this.source}: its shard ${quoted(file)} cannot be opened: ${why}`, {
        cause,
      });
    }
    const shard = readSafetensors(source);
    try {
      this.checkShard(file, shard);
    } catch (error) {
      shard.close();
      throw error;
    }
    this.open.set(file, shard);
    return shard;
  }

  /** A shard holds exactly the tensors that the index puts there. */
  private checkShard(file: string, shard: Checkpoint): void {
    for (const [name, owner] of this.index.fileOf)
      if (owner === file && !shard.tensors.has(name))
        throw new CheckpointError(
          `${shard.source}: lacks tensor ${quoted(name)}, which ${this.source} puts there`,
        );
    for (const name of shard.tensors.keys()) {
      const owner = this.index.fileOf.get(name);
      if (owner !== file)
        throw new CheckpointError(
          `${shard.source}: holds tensor ${quoted(name)}, which ${this.source} ` +
            (owner === undefined ? "does not name" : `puts into ${quoted(owner)}`),
        );
    }
  }
}

function readIndex(source: ByteSource): ShardIndex {
  const fileOf = new Map<string, string>();
  let mapped = false;
  let totalSize: number | undefined;
  const json = new JsonReader(source, 0, source.size, "index of shards");
  json.object((section) => {
    if (section === "weight_map") {
      mapped = true;
      json.object((name) => fileOf.set(name, readFileName(json)));
    } else if (section === "metadata") {
      json.object((key) => {
        if (key === "total_size") totalSize = json.wholeNumber();
        else json.skip();
      });
    } else json.skip();
  });
  json.finish();
  if (!mapped) json.fail("weight_map is missing");
  return { fileOf, totalSize };
}

/** Letters, digits, `_`, `-` and `.`, not starting with a dot: safe in a path and in a URL. */
function readFileName(json: JsonReader): string {
  const name = json.string();
  if (!/^[\p{L}\p{N}_-][\p{L}\p{N}_.-]*$/u.test(name))
    json.fail(`expected a plain file name beside the index, got ${quoted(name)}`);
  return name;
}
