import { CheckpointError, type DType } from "./checkpoint.js";
import { Global, readPickle, Tuple, Unknown, type Dictionary } from "./pickle.js";
import type { PickleBytes } from "./pickleBytes.js";
import type { StridedView } from "./stridedView.js";

/** Elements that tensors are views of, as the pickle tells of them. Nothing is checked against the file yet. */
export class Storage {
  /**
   * @param key its name in the file: in an archive, of its member under `data/`.
   * @param count number of elements.
   */
  constructor(
    readonly key: string,
    readonly dtype: DType,
    readonly count: number,
  ) {}
}

export class PickledTensor {
  constructor(
    readonly storage: Storage,
    readonly view: StridedView,
  ) {}
}

/** PyTorch's storage classes. Those of complex or quantised values are unknown. */
const STORAGES: ReadonlyMap<string, DType> = new Map([
  ["torch.DoubleStorage", "F64"],
  ["torch.FloatStorage", "F32"],
  ["torch.HalfStorage", "F16"],
  ["torch.BFloat16Storage", "BF16"],
  ["torch.LongStorage", "I64"],
  ["torch.IntStorage", "I32"],
  ["torch.ShortStorage", "I16"],
  ["torch.CharStorage", "I8"],
  ["torch.ByteStorage", "U8"],
  ["torch.BoolStorage", "BOOL"],
]);

/** PyTorch's own limit. */
const MAX_RANK = 64;

type Arguments = readonly unknown[];

/**
 * Reads the pickle of `torch.save`. All that it can make: tensors, parameters, storages, ordered dictionaries, sizes.
 *
 * @param onStorage told of each storage, as often as the pickle names it.
 * @returns plain data, `Tuple`s, `Dictionary`s and `PickledTensor`s; an `Unknown` for anything else.
 * @throws CheckpointError when it is damaged.
 */
export function readTorchPickle(input: PickleBytes, onStorage?: (storage: Storage) => void): unknown {
  const { source } = input;
  const damaged = (message: string) => new CheckpointError(`${source}: its pickle is damaged: ${message}`);

  function wholeNumbers(value: unknown): readonly number[] {
    if (!(value instanceof Tuple) || value.items.length > MAX_RANK || !value.items.every(isWholeNumber))
      throw damaged(`a tensor's shape and strides should be up to ${MAX_RANK} whole numbers each`);
    return value.items;
  }

  function findStorage(id: unknown): Storage | Unknown {
    // The fourth says on which device it was. The sixth is of PyTorch before 0.4: a part of another storage.
    const [kind, type, key, , count, part] = id instanceof Tuple ? id.items : [];
    // A class with its source code ("module"), or a storage of a type that safetensors lacks.
    if (type instanceof Unknown) return type;
    if (part !== undefined && part !== null)
      throw new CheckpointError(
        `${source}: holds a storage that is part of another, as PyTorch before 0.4 wrote it; load it in a newer ` +
          `PyTorch and save it again`,
      );
    const dtype = type instanceof Global ? STORAGES.get(type.name) : undefined;
    if (kind !== "storage" || dtype === undefined || typeof key !== "string" || !isWholeNumber(count))
      throw damaged("a storage should have a class, a name and a size");
    const storage = new Storage(key, dtype, count);
    onStorage?.(storage);
    return storage;
  }

  // torch/_utils.py
  function rebuildTensor([storage, offset, size, stride, , , metadata]: Arguments): PickledTensor | Unknown {
    if (storage instanceof Unknown) return storage;
    if (!(storage instanceof Storage) || !isWholeNumber(offset))
      throw damaged("a tensor should have a storage and an offset");
    const [shape, strides] = [wholeNumbers(size), wholeNumbers(stride)];
    if (shape.length !== strides.length)
      throw damaged(`a tensor has ${shape.length} axes, but ${strides.length} strides`);
    // Bits that say the values are still to be conjugated or negated.
    if (metadata instanceof Map && metadata.size > 0)
      throw new CheckpointError(
        `${source}: holds a tensor whose negation was put off; in Python, call resolve_neg() on it and save again`,
      );
    return new PickledTensor(storage, { offset, shape, strides });
  }

  function rebuildParameter([tensor]: Arguments): PickledTensor | Unknown {
    if (tensor instanceof Unknown) return tensor;
    if (!(tensor instanceof PickledTensor)) throw damaged("a parameter should have a tensor");
    return tensor;
  }

  /** Always made empty: its items follow. Copying what it is given would be work without bound. */
  function orderedDictionary(items: Arguments): Dictionary {
    if (items.length > 0) throw damaged("an ordered dictionary should be made empty");
    return new Map();
  }

  function size([items]: Arguments): Tuple {
    if (!(items instanceof Tuple)) throw damaged("a size should be made of a tuple");
    return items;
  }

  function noCall(): never {
    throw damaged("a storage class is called");
  }

  return readPickle(input, {
    callables: new Map<string, (args: Arguments) => unknown>([
      ["torch._utils._rebuild_tensor_v2", rebuildTensor],
      ["torch._utils._rebuild_parameter", rebuildParameter],
      ["torch._utils._rebuild_parameter_with_state", rebuildParameter],
      ["collections.OrderedDict", orderedDictionary],
      ["torch.Size", size],
      ...[...STORAGES.keys()].map((name) => [name, noCall] as const),
    ]),
    persistent: findStorage,
  });
}

function isWholeNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
