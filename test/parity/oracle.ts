import { sizeOf } from "../../src/weights/checkpoint.js";
import { hashOf } from "../../src/weights/initial.js";
import { ParamScope } from "../../src/weights/paramScope.js";

/**
 * Weights and inputs made from names alone, so that PyTorch and this project can be given the same ones without a
 * file. `tools/convert/oracle.py` is the same in Python.
 */

/** Element `n` of the stream of `key`, in [-1, 1). */
function uniform(hash: number, n: number): number {
  let z = (Math.imul(n, 2654435761) + hash) >>> 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return ((z ^ (z >>> 16)) >>> 0) / 2 ** 31 - 1;
}

/** `u(key, 0..count-1)`. */
export function oracleStream(key: string, count: number): Float64Array {
  const hash = hashOf(key);
  return Float64Array.from({ length: count }, (_, n) => uniform(hash, n));
}

/** An input in [0, 1) of PyTorch's shape. */
export function oracleInput(name: string, shape: readonly number[]): Float32Array {
  return Float32Array.from(oracleStream(name, sizeOf(shape)), (u) => (u + 1) / 2);
}

/** The value of a parameter, by its state_dict path and PyTorch shape. */
export function oracleValues(path: string, shape: readonly number[]): Float32Array {
  const stream = oracleStream(path, sizeOf(shape));
  const isWeight = path.endsWith(".weight") || path === "weight";
  if (path.endsWith("running_var") || (isWeight && shape.length === 1))
    return Float32Array.from(stream, (u) => 1 + 0.1 * u);
  if (isWeight) {
    const scale = Math.sqrt(3 / sizeOf(shape.slice(1)));
    return Float32Array.from(stream, (u) => u * scale);
  }
  if (path.endsWith("positional_encoding_gaussian_matrix")) return Float32Array.from(stream);
  return Float32Array.from(stream, (u) => 0.1 * u);
}

/** A scope whose parameters are the oracle's. */
export function oracleParameters(): ParamScope {
  return new ParamScope({ values: oracleValues });
}
