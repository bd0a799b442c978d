import { CheckpointError, type DType } from "./checkpoint.js";
import { quoted } from "./jsonReader.js";
import { byteSize, MAX_HEADER_BYTES, METADATA_KEY } from "./safetensors.js";

/** A tensor to be written. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: DType;
  /** PyTorch's shape; `[]` for a scalar. */
  readonly shape: readonly number[];
  /** Its elements, contiguous, little-endian. Called once, when their turn comes. */
  readonly bytes: () => Uint8Array;
}

/** The order in which Hugging Face's writer lays dtypes out: large elements first, so that all are aligned. */
const DTYPE_ORDER: readonly DType[] = ["I64", "F64", "F32", "I32", "BF16", "F16", "I16", "I8", "U8", "BOOL"];

/**
 * A safetensors file, piece by piece: first the header, then the tensors' bytes, one tensor at a time. The file is
 * the one that Hugging Face's writer makes of the same tensors, to the byte.
 *
 * @throws CheckpointError for a name that is used twice or reserved, a shape that is none, or bytes that do not fit
 * dtype and shape.
 */
export function* safetensorsChunks(
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): Generator<Uint8Array> {
  const inOrder = [...tensors].sort(
    (a, b) => DTYPE_ORDER.indexOf(a.dtype) - DTYPE_ORDER.indexOf(b.dtype) || compareNames(a.name, b.name),
  );
  yield encodeHeader(inOrder, metadata);
  for (const tensor of inOrder) {
    const bytes = tensor.bytes();
    const expected = sizeInBytes(tensor);
    if (bytes.byteLength !== expected) {
      const { name, dtype, shape } = tensor;
      throw new CheckpointError(
        `tensor ${quoted(name)}: ${dtype} [${shape}] takes ${expected} bytes, got ${bytes.byteLength}`,
      );
    }
    yield bytes;
  }
}

/** A safetensors file in memory. See `safetensorsChunks`. */
export function safetensorsBytes(
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const list = [...tensors];
  const chunks = safetensorsChunks(list, metadata);
  const header = chunks.next().value as Uint8Array;
  const file = new Uint8Array(list.reduce((size, tensor) => size + sizeInBytes(tensor), header.length));
  file.set(header);
  let offset = header.length;
  for (const bytes of chunks) {
    file.set(bytes, offset);
    offset += bytes.length;
  }
  return file;
}

/** The length field and the JSON, padded with spaces so that the data start at a multiple of 8 bytes. */
function encodeHeader(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const members: string[] = [];
  const entries = Object.entries(metadata);
  if (entries.length > 0) {
    const texts = entries.map(([key, value]) => `${jsonString(key)}:${jsonString(value)}`);
    members.push(`"${METADATA_KEY}":{${texts.join()}}`);
  }
  const names = new Set<string>([METADATA_KEY]);
  let offset = 0;
  for (const tensor of tensors) {
    const { name, dtype, shape } = tensor;
    if (names.has(name))
      throw new CheckpointError(
        `two tensors cannot both be called ${quoted(name)}, and none ${METADATA_KEY}; rename one`,
      );
    names.add(name);
    const end = offset + sizeInBytes(tensor);
    // Not JSON.stringify of an object, whose keys move when they look like numbers.
    members.push(
      `${jsonString(name)}:{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${offset},${end}]}`,
    );
    offset = end;
  }
  const json = new TextEncoder().encode(`{${members.join()}}`);
  const length = Math.ceil(json.length / 8) * 8;
  if (length > MAX_HEADER_BYTES)
    throw new CheckpointError(
      `the safetensors header would take ${length} bytes; the format allows ${MAX_HEADER_BYTES}`,
    );
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  return bytes;
}

function sizeInBytes({ name, dtype, shape }: TensorToWrite): number {
  const size = shape.every((side) => Number.isSafeInteger(side) && side >= 0)
    ? byteSize(dtype, shape)
    : undefined;
  if (size === undefined) throw new CheckpointError(`tensor ${quoted(name)}: [${shape}] is no shape`);
  return size;
}

function jsonString(text: string): string {
  if (/\p{Cs}/u.test(text))
    throw new CheckpointError(`${quoted(text)} holds half of a surrogate pair, which UTF-8 cannot hold`);
  return JSON.stringify(text);
}

/** By code point, which is the order of the UTF-8 bytes; `<` on strings is not. */
function compareNames(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return (a.codePointAt(i) ?? -1) - (b.codePointAt(i) ?? -1);
}
