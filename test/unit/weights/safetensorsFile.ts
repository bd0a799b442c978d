import { CheckpointError, DTYPE_BYTES, sizeOf, type DType } from "../../../src/weights/checkpoint.js";
import type { TensorToWrite } from "../../../src/weights/safetensorsWriter.js";

/** A file with this header, correct or not, and `dataLength` zeros behind it. */
export function rawFile(header: string | Uint8Array, dataLength = 0): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + json.length + dataLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

/** A header of one F32 tensor `a` of shape [2], with some fields replaced, as text. */
export function headerWith(fields: Readonly<Record<string, string>>): string {
  const all = { dtype: '"F32"', shape: "[2]", data_offsets: "[0,8]", ...fields };
  const members = Object.entries(all).map(([key, value]) => `"${key}":${value}`);
  return `{"a":{${members.join()}}}`;
}

/** A tensor whose bytes count up from `first`. */
export function countingTensor(
  name: string,
  dtype: DType,
  shape: readonly number[],
  first = 0,
): TensorToWrite {
  const size = sizeOf(shape) * DTYPE_BYTES[dtype];
  return { name, dtype, shape, bytes: () => Uint8Array.from({ length: size }, (_, i) => first + i) };
}

/** The message of the CheckpointError that `body` throws; any other error, or none, fails the test. */
export function rejection(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (error instanceof CheckpointError) return error.message;
    throw error;
  }
  throw new Error("nothing was thrown");
}
