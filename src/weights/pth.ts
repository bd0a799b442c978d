import type { ByteSource } from "./byteSource.js";
import { CheckpointError, DTYPE_BYTES, sizeOf, type Checkpoint, type DType } from "./checkpoint.js";
import { Global, readPickle, Tuple, type Allowed, type Dictionary } from "./pickle.js";
import { readZipDirectory, readZipMember, type ZipMember } from "./zip.js";

/** Elements that tensors are views of. */
class Storage {
  constructor(
    readonly key: string,
    readonly dtype: DType,
    readonly count: number,
  ) {}
}

/** A view of a storage; offset and strides count elements. */
class PickledTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** PyTorch's storage classes. */
const STORAGES: Readonly<Record<string, DType>> = {
  DoubleStorage: "F64",
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
};

/**
 * Opens what `torch.save` writes: a ZIP archive with a pickle and a member for each storage. Nothing of the
 * pickle is executed. The state dict may be the root, or stand under `model` or `state_dict`, as training scripts
 * save it; anything beside it is left out.
 *
 * @throws CheckpointError when the archive is damaged, the pickle asks for anything but tensors and plain data, or
 * there is no state dict in it.
 */
export function readPth(source: ByteSource): Checkpoint {
  try {
    return openPth(source);
  } catch (error) {
    source.close();
    throw error;
  }
}

function openPth(source: ByteSource): Checkpoint {
  const members = readZipDirectory(source);
  const { root, folder } = readRoot(source, members);
  const tensors = new Map<string, PickledTensor>();
  for (const [name, value] of stateDict(root, source.name))
    if (typeof name === "string" && value instanceof PickledTensor) tensors.set(name, value);
  if (tensors.size === 0)
    throw new CheckpointError(`${source.name}: holds no state dict: no tensor was found in it`);
  const storageOf = new Map<Storage, ZipMember>();
  for (const [name, tensor] of tensors)
    storageOf.set(tensor.storage, checkTensor(source.name, name, tensor, members, folder));
  return {
    source: source.name,
    metadata: {},
    tensors: new Map(
      [...tensors].map(([name, { shape, storage }]) => [name, { shape, dtype: storage.dtype }]),
    ),
    readBytes(name) {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw new CheckpointError(`${source.name}: has no tensor "${name}"`);
      return gather(source, storageOf.get(tensor.storage) as ZipMember, tensor);
    },
    close: () => source.close(),
  };
}

function readRoot(
  source: ByteSource,
  members: ReadonlyMap<string, ZipMember>,
): { root: unknown; folder: string } {
  const pickle = [...members.values()].find(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  const folder = pickle?.name.slice(0, -"data.pkl".length) ?? "";
  if (pickle === undefined)
    throw new CheckpointError(
      `${source.name}: is a ZIP archive, but not of torch.save: it has no data.pkl. Save the state dict with ` +
        `torch.save(model.state_dict(), path)`,
    );
  if (members.has(`${folder}constants.pkl`))
    throw new CheckpointError(
      `${source.name}: is a TorchScript program, not a state dict. In Python: ` +
        `torch.save(torch.jit.load(path).state_dict(), other)`,
    );
  const order = members.get(`${folder}byteorder`);
  if (order !== undefined && new TextDecoder().decode(readZipMember(source, order)) !== "little")
    throw new CheckpointError(
      `${source.name}: was written on a big-endian computer; save it again on a common one`,
    );
  return { root: readPickle(readZipMember(source, pickle), source.name, allowedFor(source.name)), folder };
}

/** The state dict: the root, or what stands under `model` or `state_dict`. */
function stateDict(root: unknown, source: string): Dictionary {
  if (!(root instanceof Map))
    throw new CheckpointError(`${source}: holds no state dict: expected a dictionary of tensors at its root`);
  for (const key of ["model", "state_dict"]) {
    const inner: unknown = root.get(key);
    if (inner instanceof Map) return inner;
  }
  return root;
}

function allowedFor(source: string): Allowed {
  const wrong = (what: string) => new CheckpointError(`${source}: its pickle is damaged: ${what}`);
  const numbers = (value: unknown): readonly number[] => {
    if (
      value instanceof Tuple &&
      value.items.every((item) => Number.isSafeInteger(item) && (item as number) >= 0)
    )
      return value.items as readonly number[];
    throw wrong("a shape that is not a tuple of whole numbers");
  };
  const noCall = () => {
    throw wrong("a call of a storage class");
  };
  const rebuild = ([storage, offset, shape, strides]: readonly unknown[]): PickledTensor => {
    if (!(storage instanceof Storage) || !Number.isSafeInteger(offset) || (offset as number) < 0)
      throw wrong("a tensor without a storage");
    const [sizes, steps] = [numbers(shape), numbers(strides)];
    if (sizes.length !== steps.length) throw wrong("a tensor with more strides than axes, or fewer");
    return new PickledTensor(storage, offset as number, sizes, steps);
  };
  return {
    callables: new Map<string, (args: readonly unknown[]) => unknown>([
      ["torch._utils._rebuild_tensor_v2", rebuild],
      ["torch._utils._rebuild_parameter", ([tensor]) => tensor],
      ["collections.OrderedDict", ([items]) => dictionary(items)],
      ["collections.defaultdict", () => new Map()],
      ["torch.Size", ([items]) => items ?? new Tuple([])],
      ...Object.keys(STORAGES).map((name) => [`torch.${name}`, noCall] as const),
    ]),
    persistent: (id) => {
      const [kind, type, key, , count] = id instanceof Tuple ? id.items : [];
      const dtype = type instanceof Global ? STORAGES[type.name.replace(/^torch\./, "")] : undefined;
      if (
        kind !== "storage" ||
        typeof key !== "string" ||
        dtype === undefined ||
        !Number.isSafeInteger(count)
      )
        throw wrong("a storage of an unknown kind");
      return new Storage(key, dtype, count as number);
    },
  };
}

/** `OrderedDict([(key, value), ...])`, or empty. */
function dictionary(items: unknown): Dictionary {
  const out: Dictionary = new Map();
  if (Array.isArray(items))
    for (const item of items) {
      const [key, value] = item instanceof Tuple ? item.items : (item as readonly unknown[]);
      out.set(key, value);
    }
  return out;
}

/** Finds a tensor's storage and checks that the view lies inside it. Sizes are trusted from here on. */
function checkTensor(
  source: string,
  name: string,
  tensor: PickledTensor,
  members: ReadonlyMap<string, ZipMember>,
  folder: string,
): ZipMember {
  const fail = (message: string) => new CheckpointError(`${source}: tensor "${name}": ${message}`);
  const { storage, shape, strides } = tensor;
  const member = members.get(`${folder}data/${storage.key}`);
  if (member === undefined) throw fail(`its storage ${storage.key} is missing from the archive`);
  const bytes = storage.count * DTYPE_BYTES[storage.dtype];
  if (member.size !== bytes)
    throw fail(
      `its storage should have ${storage.count} ${storage.dtype} values, ${bytes} bytes, but has ${member.size}`,
    );
  if (!shape.includes(0) && !(lastElement(tensor) < storage.count))
    throw fail(`[${shape}] with strides [${strides}] reaches beyond its storage of ${storage.count} values`);
  // Strides of 0 may repeat values, but no checkpoint has a tensor that is larger than what it repeats.
  if (sizeOf(shape) > Math.max(storage.count, 1))
    throw fail(`[${shape}] is larger than its storage of ${storage.count} values`);
  return member;
}

/** The elements of a view, contiguous. Reads no more of the storage than the view spans: others may share it. */
function gather(source: ByteSource, member: ZipMember, tensor: PickledTensor): Uint8Array {
  const { storage, offset, shape, strides } = tensor;
  const item = DTYPE_BYTES[storage.dtype];
  const count = sizeOf(shape);
  if (count === 0) return new Uint8Array(0);
  const span = lastElement({ ...tensor, offset: 0 }) + 1;
  const elements = readZipMember(source, member, offset * item, span * item);
  if (isContiguous(shape, strides)) return elements;
  const out = new Uint8Array(count * item);
  const index = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < count; to++) {
    for (let byte = 0; byte < item; byte++) out[to * item + byte] = elements[from * item + byte];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

/** Index in the storage of the last element of a view that has one. */
function lastElement({ offset, shape, strides }: Omit<PickledTensor, "storage">): number {
  return shape.reduce((sum, side, axis) => sum + (side - 1) * strides[axis], offset);
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== step) return false;
    step *= shape[axis];
  }
  return true;
}
