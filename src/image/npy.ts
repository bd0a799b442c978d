import { parse } from "npyjs";
import { ImageError, type NumberArray } from "./pixels.js";

/** A NumPy array in C order: the last axis is the fastest. */
export interface NpyArray {
  readonly shape: readonly number[];
  readonly data: NumberArray;
}

/**
 * Reads an `.npy` file. Booleans give 0 and 1, 64-bit integers `Float64Array`, half precision `Float32Array`,
 * all others their own kind.
 *
 * @param name for error messages.
 * @throws ImageError when the file is damaged or cut off, in Fortran order, big-endian, or holds no numbers.
 */
export function readNpy(bytes: Uint8Array, name: string): NpyArray {
  let array: ReturnType<typeof parse>;
  try {
    array = parse(new Uint8Array(bytes).buffer); // npyjs needs the file at the start of a buffer
  } catch (error) {
    throw new ImageError(`${name}: damaged .npy: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { shape, fortranOrder } = array;
  if (fortranOrder)
    throw new ImageError(`${name}: is in Fortran order; save it with numpy.ascontiguousarray(array)`);
  const data = toNumbers(array.data, name);
  const expected = shape.reduce((product, side) => product * side, 1);
  if (data.length !== expected)
    throw new ImageError(
      `${name}: damaged .npy: has ${data.length} values; shape [${shape.join(", ")}] needs ${expected}`,
    );
  return { shape, data };
}

function toNumbers(data: unknown, name: string): NumberArray {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array)
    return Float64Array.from(data, (value) => {
      const number = Number(value);
      if (!Number.isSafeInteger(number))
        throw new ImageError(`${name}: value ${value} is too large to be exact`);
      return number;
    });
  if (Array.isArray(data) && typeof data[0] === "boolean") return Uint8Array.from(data, Number);
  if (ArrayBuffer.isView(data) && !(data instanceof DataView)) return data as NumberArray;
  throw new ImageError(`${name}: holds text; expected numbers`);
}
