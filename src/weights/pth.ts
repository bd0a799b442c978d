import type { ByteSource } from "./byteSource.js";
import { CheckpointError, DTYPE_BYTES, sizeOf, type Checkpoint } from "./checkpoint.js";
import { quoted } from "./jsonReader.js";
import type { Dictionary } from "./pickle.js";
import { gather, isContiguous, spanOf } from "./stridedView.js";
import { PickledTensor, readTorchPickle } from "./torchPickle.js";
import { checkStored, readZipDirectory, readZipMember, type ZipMember } from "./zip.js";

/** ViT-H with its optimizer's state takes 0.2 MB. */
const MAX_PICKLE_BYTES = 8e6;

/** A tensor whose view was checked against its storage. */
interface LocatedTensor extends PickledTensor {
  readonly member: ZipMember;
}

/**
 * Opens what `torch.save` writes since PyTorch 1.6: a ZIP archive with a pickle and a member for each storage.
 * Nothing of the pickle is executed. The state dict may be the root, or stand under `model` or `state_dict`, as
 * training scripts save it; what else there is (an optimizer's state, values that are no tensors) is left out.
 *
 * The checkpoint owns `source`: closing it closes the source, and a source that is rejected is closed too.
 *
 * @see torch/serialization.py, `_save`
 * @throws CheckpointError when the archive is damaged, the pickle asks for anything but tensors and plain data, or
 * there is no state dict in it.
 */
export function readPth(source: ByteSource): Checkpoint {
  let tensors: ReadonlyMap<string, LocatedTensor>;
  try {
    tensors = readTensors(source);
  } catch (error) {
    source.close();
    throw error;
  }
  let closed = false;
  return {
    source: source.name,
    metadata: {},
    tensors: new Map(
      [...tensors].map(([name, { storage, view }]) => [name, { dtype: storage.dtype, shape: view.shape }]),
    ),
    readBytes(name) {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw new CheckpointError(`${source.name}: has no tensor ${quoted(name)}`);
      if (closed)
        throw new CheckpointError(`${source.name}: was closed before tensor ${quoted(name)} was read`);
      return readTensor(source, tensor);
    },
    close() {
      if (!closed) source.close();
      closed = true;
    },
  };
}

function readTensors(source: ByteSource): ReadonlyMap<string, LocatedTensor> {
  const members = readZipDirectory(source);
  const pickle = [...members.values()].find(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickle === undefined)
    throw new CheckpointError(
      `${source.name}: is a ZIP archive, but not one of torch.save: it has no data.pkl. Save the state dict in ` +
        `Python: torch.save(model.state_dict(), path)`,
    );
  const folder = pickle.name.slice(0, -"data.pkl".length);
  checkKind(source, members, folder);
  if (pickle.size > MAX_PICKLE_BYTES)
    throw new CheckpointError(
      `${source.name}: its pickle takes ${pickle.size} bytes, more than ${MAX_PICKLE_BYTES}; save the state dict ` +
        `alone: torch.save(model.state_dict(), path)`,
    );
  const root = readTorchPickle(readZipMember(source, pickle), source.name);
  const tensors = new Map<string, LocatedTensor>();
  for (const [name, value] of findStateDict(root, source.name))
    if (typeof name === "string" && value instanceof PickledTensor)
      tensors.set(name, locate(source, name, value, members.get(`${folder}data/${value.storage.key}`)));
  return tensors;
}

/** Refuses what has a `data.pkl` too, but cannot be read as it is. */
function checkKind(source: ByteSource, members: ReadonlyMap<string, ZipMember>, folder: string): void {
  if (members.has(`${folder}constants.pkl`))
    throw new CheckpointError(
      `${source.name}: is a TorchScript program, not a state dict. Save its state dict in Python: ` +
        `torch.save(torch.jit.load(path).state_dict(), other)`,
    );
  checkStored(source, members.values());
  const byteOrder = members.get(`${folder}byteorder`);
  if (byteOrder === undefined) return; // before PyTorch 2.1
  const order = new TextDecoder().decode(readZipMember(source, byteOrder, 0, Math.min(byteOrder.size, 16)));
  if (order !== "little")
    throw new CheckpointError(
      `${source.name}: its byte order is ${quoted(order)}, expected "little"; load it in Python on a computer of ` +
        `that order and save it as safetensors`,
    );
}

/** The root when it holds tensors by name, or what stands under `model` or `state_dict`. */
function findStateDict(root: unknown, source: string): Dictionary {
  if (!(root instanceof Map))
    throw new CheckpointError(
      `${source}: holds no state dict: expected a dictionary of tensors. Save one: ` +
        `torch.save(model.state_dict(), path)`,
    );
  for (const candidate of [root.get("model"), root.get("state_dict"), root] as const)
    if (candidate instanceof Map && [...candidate.values()].some((value) => value instanceof PickledTensor))
      return candidate;
  const names = [...root.keys()].filter((key) => typeof key === "string").slice(0, 8);
  throw new CheckpointError(
    `${source}: holds no state dict: expected tensors at its root, under "model" or under "state_dict", got ` +
      `a dictionary of ${names.length === 0 ? "no names" : names.map(quoted).join(", ")}`,
  );
}

/** Checks a tensor against its storage. Its sizes are trusted from here on. */
function locate(
  source: ByteSource,
  name: string,
  { storage, view }: PickledTensor,
  member: ZipMember | undefined,
): LocatedTensor {
  const fail = (message: string) => new CheckpointError(`${source.name}: tensor ${quoted(name)}: ${message}`);
  if (member === undefined) throw fail(`its storage ${quoted(storage.key)} is missing from the archive`);
  const itemBytes = DTYPE_BYTES[storage.dtype];
  if (member.size !== storage.count * itemBytes)
    throw fail(
      `its storage of ${storage.count} ${storage.dtype} values should take ${storage.count * itemBytes} bytes, ` +
        `but takes ${member.size}`,
    );
  const shape = `shape [${view.shape}] with strides [${view.strides}] at ${view.offset}`;
  if (!(view.offset + spanOf(view) <= storage.count))
    throw fail(`${shape} reaches beyond its storage of ${storage.count} values`);
  // Strides of 0 repeat values. Without a bound, a few bytes would be a tensor of any size.
  if (!(sizeOf(view.shape) * itemBytes <= source.size)) throw fail(`${shape} is larger than the file`);
  return { storage, view, member };
}

/** Reads no more of the storage than the tensor spans: others may share it. */
function readTensor(source: ByteSource, { storage, view, member }: LocatedTensor): Uint8Array {
  const itemBytes = DTYPE_BYTES[storage.dtype];
  const span = readZipMember(source, member, view.offset * itemBytes, spanOf(view) * itemBytes);
  return isContiguous(view) ? span : gather(span, view, itemBytes);
}
