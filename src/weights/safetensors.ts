import type { ByteSource } from "./byteSource.js";
import { CheckpointError, DTYPE_BYTES, type Checkpoint, type DType, type TensorInfo } from "./checkpoint.js";
import { JsonReader, quoted } from "./jsonReader.js";

/** What the format's own library allows, in bytes. */
export const MAX_HEADER_BYTES = 100_000_000;
/** The key of the header that names no tensor. */
export const METADATA_KEY = "__metadata__";
/** PyTorch's own limit. It keeps a damaged header from filling memory with ones. */
const MAX_RANK = 64;

/** A tensor and where it lies, in bytes from the start of the data. */
interface StoredTensor {
  readonly info: TensorInfo;
  readonly begin: number;
  readonly end: number;
}

interface Header {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the data start in the file, in bytes. */
  readonly dataStart: number;
}

/**
 * Opens a safetensors file: reads and checks its header, and each tensor's bytes when they are asked for.
 *
 * The checkpoint owns `source`: closing it closes the source, and a source that is rejected is closed too.
 *
 * @see https://huggingface.co/docs/safetensors, "Format"
 * @throws CheckpointError when anything in the file is not as the format says: the header's length or JSON, a
 * duplicate name, an unknown dtype, a shape that does not match dtype and offsets, overlaps, holes, bytes that are
 * missing or left over.
 */
export function readSafetensors(source: ByteSource): Checkpoint {
  let header: Header;
  try {
    header = readHeader(source);
    checkCoverage(source, header);
  } catch (error) {
    source.close();
    throw error;
  }
  const { tensors, metadata, dataStart } = header;
  let closed = false;
  return {
    source: source.name,
    tensors: new Map([...tensors].map(([name, { info }]) => [name, info])),
    metadata,
    readBytes(name) {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw new CheckpointError(`${source.name}: has no tensor ${quoted(name)}`);
      if (closed)
        throw new CheckpointError(`${source.name}: was closed before tensor ${quoted(name)} was read`);
      return source.read(dataStart + tensor.begin, tensor.end - tensor.begin);
    },
    close() {
      if (!closed) source.close();
      closed = true;
    },
  };
}

function readHeader(source: ByteSource): Header {
  const fail = (message: string): never => {
    throw new CheckpointError(`${source.name}: not a safetensors file, or a damaged one: ${message}`);
  };
  if (source.size < 9) fail(`it has ${source.size} bytes, which is too short for a header`);
  const start = source.read(0, 9);
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES)
    fail(`its first 8 bytes give a header of ${length} bytes; at most ${MAX_HEADER_BYTES} are allowed`);
  const dataStart = 8 + Number(length);
  if (dataStart > source.size)
    fail(`its first 8 bytes give a header of ${length} bytes, but only ${source.size - 8} follow`);
  if (length === 0n || start[8] !== 0x7b) fail('its header does not begin with "{"');

  const tensors = new Map<string, StoredTensor>();
  const metadata: [string, string][] = [];
  const json = new JsonReader(source, 8, dataStart, "safetensors header");
  json.object((name) => {
    if (name === METADATA_KEY) json.object((key) => metadata.push([key, json.string()]));
    else tensors.set(name, readTensor(json));
  });
  json.finish();
  return { tensors, metadata: Object.fromEntries(metadata), dataStart };
}

function readTensor(json: JsonReader): StoredTensor {
  let dtype: DType | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  json.object((field) => {
    if (field === "dtype") dtype = readDType(json);
    else if (field === "shape") shape = readNumbers(json, MAX_RANK);
    else if (field === "data_offsets") offsets = readNumbers(json, 2);
    else json.fail("unknown field; a tensor has dtype, shape and data_offsets");
  });
  if (dtype === undefined) return json.fail("dtype is missing");
  if (shape === undefined) return json.fail("shape is missing");
  if (offsets === undefined) return json.fail("data_offsets are missing");
  if (offsets.length !== 2)
    return json.fail(`data_offsets must be [begin, end], got ${offsets.length} numbers`);
  const [begin, end] = offsets;
  if (begin > end) return json.fail(`data_offsets [${begin},${end}] end before they begin`);
  const bytes = byteSize(dtype, shape);
  if (bytes === undefined) return json.fail(`${dtype} [${shape}] is larger than 2^53 - 1 bytes`);
  if (bytes !== end - begin)
    return json.fail(
      `${dtype} [${shape}] takes ${bytes} bytes, but data_offsets [${begin},${end}] hold ${end - begin}`,
    );
  return { info: { dtype, shape }, begin, end };
}

function readDType(json: JsonReader): DType {
  const name = json.string();
  if (!Object.hasOwn(DTYPE_BYTES, name))
    json.fail(`dtype ${quoted(name)} is not supported; supported are ${Object.keys(DTYPE_BYTES).join(", ")}`);
  return name as DType;
}

function readNumbers(json: JsonReader, most: number): number[] {
  const numbers: number[] = [];
  json.array((index) => {
    if (index === most) json.fail(`more than ${most} numbers`);
    numbers.push(json.wholeNumber());
  });
  return numbers;
}

/** Bytes of a tensor of this shape; undefined where the number, or one on the way to it, is not exact. */
export function byteSize(dtype: DType, shape: readonly number[]): number | undefined {
  let bytes = DTYPE_BYTES[dtype];
  for (const side of shape) {
    bytes *= side;
    if (!Number.isSafeInteger(bytes)) return undefined;
  }
  return bytes;
}

/** The tensors must lie one behind the other, from the first byte after the header to the file's last. */
function checkCoverage(source: ByteSource, { tensors, dataStart }: Header): void {
  const fail = (message: string): never => {
    throw new CheckpointError(`${source.name}: ${message}`);
  };
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  let previous = "";
  for (const [name, { begin, end }] of inOrder) {
    if (begin < covered)
      fail(`tensors ${quoted(previous)} and ${quoted(name)} overlap at byte ${begin} of the data`);
    if (begin > covered)
      fail(`bytes ${covered} to ${begin} of the data, before tensor ${quoted(name)}, belong to no tensor`);
    covered = end;
    previous = name;
  }
  const available = source.size - dataStart;
  if (covered > available)
    fail(`truncated: the tensors take ${covered} bytes, but ${available} follow the header`);
  if (covered < available)
    fail(`${available - covered} bytes follow the last tensor; the tensors take ${covered} of ${available}`);
}
