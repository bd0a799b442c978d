import { CheckpointError, DTYPE_BYTES, type DType } from "./checkpoint.js";

/*
 * Between single precision and the other element types. The conversions work on bits, so that what a NaN carries
 * survives: a NaN stays one and becomes a quiet one, with its sign and as much of its payload as fits, as processors
 * and so PyTorch do it.
 */

/** `n / 2^shift` rounded to nearest, ties to even. */
function roundedShift(n: number, shift: number): number {
  const floor = n >>> shift;
  const rest = n & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  return rest > tie || (rest === tie && (floor & 1) === 1) ? floor + 1 : floor;
}

/** Bits of a single to bits of an IEEE half. */
function singleToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x1ff); // NaN
  if (magnitude >= 0x47800000) return sign | 0x7c00; // infinity, or too large even before rounding
  const exponent = magnitude >>> 23;
  if (exponent >= 113) {
    // Rebase the exponent's bias from 127 to 15. A carry out of the fraction raises the exponent, up to infinity,
    // which is what rounding means here.
    return sign | roundedShift(magnitude - (112 << 23), 13);
  }
  if (exponent < 102) return sign; // below half of the smallest subnormal
  return sign | roundedShift((magnitude & 0x7fffff) | 0x800000, 126 - exponent);
}

/** Bits of an IEEE half to bits of a single. */
function halfToSingle(bits: number): number {
  const sign = (bits & 0x8000) << 16;
  const magnitude = bits & 0x7fff;
  if (magnitude > 0x7c00) return sign | 0x7fc00000 | ((magnitude & 0x3ff) << 13); // NaN
  if (magnitude === 0x7c00) return sign | 0x7f800000; // infinity
  if (magnitude >= 0x0400) return sign | ((magnitude << 13) + (112 << 23));
  if (magnitude === 0) return sign;
  // Subnormal: `magnitude` units of 2^-24. Shift its leading one to where a single has its hidden one.
  const shift = Math.clz32(magnitude) - 8;
  return sign | ((126 - shift) << 23) | ((magnitude << shift) & 0x7fffff);
}

/** Bits of a single to bits of a bfloat16. */
function singleToBfloat(bits: number): number {
  const isNaN = (bits & 0x7fffffff) > 0x7f800000;
  return isNaN ? (bits >>> 16) | 0x40 : roundedShift(bits, 16);
}

const floatView = new Float32Array(1);
const bitsView = new Uint32Array(floatView.buffer);

/** Value of an IEEE half, given by its bits. Exact. */
export function halfToFloat(bits: number): number {
  bitsView[0] = halfToSingle(bits);
  return floatView[0];
}

/** Bits of the IEEE half nearest to the single-precision value, ties to even, as PyTorch's `.half()`. */
export function floatToHalf(value: number): number {
  floatView[0] = value;
  return singleToHalf(bitsView[0]);
}

/** All 65,536 halves as bits of singles, made when first needed: a lookup is the fastest conversion. */
let singlesOfHalves: Uint32Array | undefined;

/** Copies bytes into an aligned buffer of their own when they do not start on a multiple of `alignment`. */
function aligned(bytes: Uint8Array, alignment: number): Uint8Array {
  // Not bytes.slice(), which on Node's Buffer copies nothing.
  return bytes.byteOffset % alignment === 0 ? bytes : new Uint8Array(bytes);
}

/**
 * Little-endian bytes of `dtype` as single precision. F32 gives a view where alignment allows, all others a new
 * array. F64 and large integers are rounded to nearest, as PyTorch's `.float()`.
 *
 * @throws CheckpointError for 64-bit integers outside what a double holds exactly.
 */
export function toFloat32(bytes: Uint8Array, dtype: DType): Float32Array {
  const size = DTYPE_BYTES[dtype];
  const { buffer, byteOffset, byteLength } = aligned(bytes, size);
  const length = byteLength / size;
  switch (dtype) {
    case "F64":
      return new Float32Array(new Float64Array(buffer, byteOffset, length));
    case "F32":
      return new Float32Array(buffer, byteOffset, length);
    case "F16": {
      const table = (singlesOfHalves ??= Uint32Array.from({ length: 65536 }, (_, bits) =>
        halfToSingle(bits),
      ));
      const halves = new Uint16Array(buffer, byteOffset, length);
      const out = new Uint32Array(length);
      for (let i = 0; i < length; i++) out[i] = table[halves[i]];
      return new Float32Array(out.buffer);
    }
    case "BF16": {
      const halves = new Uint16Array(buffer, byteOffset, length);
      const out = new Uint32Array(length);
      for (let i = 0; i < length; i++) out[i] = halves[i] << 16;
      return new Float32Array(out.buffer);
    }
    case "I64": {
      const integers = new BigInt64Array(buffer, byteOffset, length);
      const out = new Float32Array(length);
      for (let i = 0; i < length; i++) {
        const value = Number(integers[i]);
        // 2^53 itself may be 2^53 + 1, rounded.
        if (!Number.isSafeInteger(value))
          throw new CheckpointError(
            `I64 value ${integers[i]}, element ${i}, does not fit a floating-point number`,
          );
        out[i] = value;
      }
      return out;
    }
    case "I32":
      return new Float32Array(new Int32Array(buffer, byteOffset, length));
    case "I16":
      return new Float32Array(new Int16Array(buffer, byteOffset, length));
    case "I8":
      return new Float32Array(new Int8Array(buffer, byteOffset, length));
    case "U8":
    case "BOOL":
      return new Float32Array(new Uint8Array(buffer, byteOffset, length));
  }
}

/**
 * Single precision as little-endian bytes of `dtype`, rounded to nearest, ties to even. F32 gives a view, the
 * others a new array.
 */
export function fromFloat32(values: Float32Array, dtype: "F32" | "F16" | "BF16"): Uint8Array {
  const { buffer, byteOffset, byteLength, length } = values;
  if (dtype === "F32") return new Uint8Array(buffer, byteOffset, byteLength);
  const singles = new Uint32Array(buffer, byteOffset, length);
  const out = new Uint16Array(length);
  if (dtype === "F16") for (let i = 0; i < length; i++) out[i] = singleToHalf(singles[i]);
  else for (let i = 0; i < length; i++) out[i] = singleToBfloat(singles[i]);
  return new Uint8Array(out.buffer);
}
