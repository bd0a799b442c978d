import type { NumberArray } from "../image/pixels.js";
import { VolumeError } from "./volumeError.js";

const KINDS = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  uint64: BigUint64Array,
  int64: BigInt64Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

export type NumberKind = keyof typeof KINDS;

/** Bytes of one number. */
export const bytesOf = (kind: NumberKind): number => KINDS[kind].BYTES_PER_ELEMENT;

/** An array of zeros. Integers of 64 bits are held as doubles. */
export function numbersOf(kind: NumberKind, length: number): NumberArray {
  const values = new KINDS[kind](kind.endsWith("64") ? 0 : length);
  return values instanceof BigInt64Array || values instanceof BigUint64Array || values instanceof Float64Array
    ? new Float64Array(length)
    : values;
}

/**
 * Copies bytes of a file into an array of numbers. Integers of 64 bits become doubles.
 *
 * @param exact whether they have to be exact; steps of a slope need not.
 * @throws VolumeError when one has to be and is too large for it.
 */
export function typedBytes(
  bytes: Uint8Array,
  kind: NumberKind,
  littleEndian: boolean,
  name: string,
  exact = true,
): NumberArray {
  const copy = new Uint8Array(bytes); // at the start of a buffer of its own
  const size = bytesOf(kind);
  // Typed arrays have the machine's byte order, which is little-endian wherever JavaScript runs.
  if (!littleEndian && size > 1)
    for (let start = 0; start < copy.length; start += size) copy.subarray(start, start + size).reverse();
  const values = new KINDS[kind](copy.buffer);
  if (!(values instanceof BigInt64Array || values instanceof BigUint64Array)) return values;
  return Float64Array.from(values, (value) => {
    const number = Number(value);
    if (exact && !Number.isSafeInteger(number))
      throw new VolumeError(`${name}: value ${value} is too large to be exact`);
    return number;
  });
}
