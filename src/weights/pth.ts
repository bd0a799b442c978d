import type { ByteSource } from "./byteSource.js";
import { CheckpointError, DTYPE_BYTES, sizeOf, type Checkpoint } from "./checkpoint.js";
import { quoted } from "./jsonReader.js";
import type { StoredBytes } from "./pickledFile.js";
import { readPthArchive } from "./pthArchive.js";
import { readPthStream } from "./pthStream.js";
import { findStateDict } from "./stateDict.js";
import { gather, isContiguous, spanOf } from "./stridedView.js";
import type { PickledTensor } from "./torchPickle.js";

/** A tensor whose view was checked against its storage. */
interface LocatedTensor extends PickledTensor {
  readonly bytes: StoredBytes;
}

/**
 * Opens what `torch.save` writes, in either of its formats. Nothing of the pickle in it is executed. The state dict
 * may be the root, or stand in a dictionary as training scripts save it; what else there is (an optimizer's state,
 * values that are no tensors, objects of any class) is left out.
 *
 * The checkpoint owns `source`: closing it closes the source, and a source that is rejected is closed too.
 *
 * @throws CheckpointError when the file is damaged, or there is no state dict of plain tensors in it.
 */
export function readPth(source: ByteSource): Checkpoint {
  let tensors: ReadonlyMap<string, LocatedTensor>;
  let skipped: readonly string[];
  try {
    ({ tensors, skipped } = readTensors(source));
  } catch (error) {
    source.close();
    throw error;
  }
  let closed = false;
  return {
    source: source.name,
    metadata: {},
    skipped,
    tensors: new Map(
      [...tensors].map(([name, { storage, view }]) => [name, { dtype: storage.dtype, shape: view.shape }]),
    ),
    readBytes(name) {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw new CheckpointError(`${source.name}: has no tensor ${quoted(name)}`);
      if (closed)
        throw new CheckpointError(`${source.name}: was closed before tensor ${quoted(name)} was read`);
      return readTensor(tensor);
    },
    close() {
      if (!closed) source.close();
      closed = true;
    },
  };
}

function readTensors(source: ByteSource) {
  const isArchive = source.size >= 2 && String.fromCharCode(...source.read(0, 2)) === "PK";
  const file = isArchive ? readPthArchive(source) : readPthStream(source);
  const { tensors, skipped } = findStateDict(file.root, source.name);
  const located = new Map<string, LocatedTensor>();
  for (const [name, tensor] of tensors)
    located.set(name, locate(source, name, tensor, file.storage(tensor.storage)));
  return { tensors: located, skipped };
}

/** Checks a tensor against its storage. Its sizes are trusted from here on. */
function locate(
  source: ByteSource,
  name: string,
  { storage, view }: PickledTensor,
  bytes: StoredBytes | undefined,
): LocatedTensor {
  const fail = (message: string) => new CheckpointError(`${source.name}: tensor ${quoted(name)}: ${message}`);
  if (bytes === undefined) throw fail(`its storage ${quoted(storage.key)} is missing from the file`);
  const itemBytes = DTYPE_BYTES[storage.dtype];
  if (bytes.size !== storage.count * itemBytes)
    throw fail(
      `its storage of ${storage.count} ${storage.dtype} values should take ${storage.count * itemBytes} bytes, ` +
        `but takes ${bytes.size}`,
    );
  const shape = `shape [${view.shape}] with strides [${view.strides}] at ${view.offset}`;
  if (!(view.offset + spanOf(view) <= storage.count))
    throw fail(`${shape} reaches beyond its storage of ${storage.count} values`);
  // Strides of 0 repeat values. Without a bound, a few bytes would be a tensor of any size.
  if (!(sizeOf(view.shape) * itemBytes <= source.size)) throw fail(`${shape} is larger than the file`);
  return { storage, view, bytes };
}

/** Reads no more of the storage than the tensor spans: others may share it. */
function readTensor({ storage, view, bytes }: LocatedTensor): Uint8Array {
  const itemBytes = DTYPE_BYTES[storage.dtype];
  const span = bytes.read(view.offset * itemBytes, spanOf(view) * itemBytes);
  return isContiguous(view) ? span : gather(span, view, itemBytes);
}
