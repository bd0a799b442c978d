import type { ByteSource } from "./byteSource.js";
import { CheckpointError, DTYPE_BYTES } from "./checkpoint.js";
import { quoted } from "./jsonReader.js";
import { readPickle } from "./pickle.js";
import { PickleBytes } from "./pickleBytes.js";
import { MAX_PICKLE_BYTES, type PickledFile, type StoredBytes } from "./pickledFile.js";
import { readTorchPickle, type Storage } from "./torchPickle.js";

/** What the file begins with, as a pickle. */
const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn;
const PROTOCOL_VERSION = 1001;
/** A storage's values follow their number, of 64 bits. */
const COUNT_BYTES = 8;

/**
 * Reads what `torch.save` wrote before PyTorch 1.6, and still does with `_use_new_zipfile_serialization=False`: a
 * pickle behind the other (a magic number, the format's version, facts about the computer, the saved value, the names
 * of its storages), then the storages in the order of their names.
 *
 * @see torch/serialization.py, `_legacy_save`
 * @throws CheckpointError when it is damaged, or a pickle that `torch.save` did not write.
 */
export function readPthStream(source: ByteSource): PickledFile {
  const input = new PickleBytes(source.read(0, Math.min(source.size, MAX_PICKLE_BYTES)), source.name);
  const plain = () => readPickle(input, { callables: new Map(), persistent: () => undefined });
  if (!startsWithMagic(plain))
    throw new CheckpointError(
      `${source.name}: is a pickle that torch.save did not write; in Python, save the tensors in it with torch.save ` +
        `or as safetensors`,
    );
  const version = plain();
  if (version !== PROTOCOL_VERSION)
    throw damaged(source, `its version is ${quoted(String(version))}, expected ${PROTOCOL_VERSION}`);
  plain(); // byte order and sizes of C's types: storages are little-endian on every computer
  const storages = new Map<string, Storage>();
  const root = readTorchPickle(input, (storage) => {
    const known = storages.get(storage.key);
    if (known !== undefined && (known.count !== storage.count || known.dtype !== storage.dtype))
      throw damaged(source, `storage ${quoted(storage.key)} has two sizes`);
    storages.set(storage.key, storage);
  });
  const places = findStorages(source, plain(), storages, input.at);
  return { root, storage: ({ key }) => places.get(key) };
}

function startsWithMagic(next: () => unknown): boolean {
  try {
    return next() === MAGIC_NUMBER;
  } catch (error) {
    if (error instanceof CheckpointError) return false;
    throw error;
  }
}

/** Where each storage's values lie. Each begins behind the one before, so all their sizes must be known. */
function findStorages(
  source: ByteSource,
  keys: unknown,
  storages: ReadonlyMap<string, Storage>,
  start: number,
): ReadonlyMap<string, StoredBytes> {
  if (!Array.isArray(keys)) throw damaged(source, "the names of its storages should be a list");
  const places = new Map<string, StoredBytes>();
  let at = start;
  for (const key of keys as readonly unknown[]) {
    const storage = storages.get(key as string);
    if (storage === undefined)
      throw damaged(
        source,
        `its storage ${quoted(String(key))} is of a type that cannot be read, or of no tensor`,
      );
    if (places.has(storage.key)) throw damaged(source, `storage ${quoted(storage.key)} appears twice`);
    const size = storage.count * DTYPE_BYTES[storage.dtype];
    const begin = at + COUNT_BYTES;
    if (!(begin + size <= source.size))
      throw damaged(
        source,
        `storage ${quoted(storage.key)} of ${size} bytes at ${begin} reaches beyond its end at ${source.size}; a ` +
          `download may have been cut off`,
      );
    const { buffer, byteOffset } = source.read(at, COUNT_BYTES);
    const count = new DataView(buffer, byteOffset).getBigUint64(0, true);
    if (count !== BigInt(storage.count))
      throw damaged(source, `storage ${quoted(storage.key)} has ${count} values, expected ${storage.count}`);
    places.set(storage.key, { size, read: (from, length) => source.read(begin + from, length) });
    at = begin + size;
  }
  return places;
}

function damaged(source: ByteSource, message: string): CheckpointError {
  return new CheckpointError(
    `${source.name}: is not what torch.save wrote before PyTorch 1.6, or damaged: ${message}`,
  );
}
