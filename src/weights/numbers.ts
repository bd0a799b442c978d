import { CheckpointError, type DType } from "./checkpoint.js";

/** IEEE half precision to single, by table-free bit work (subnormals, infinities and NaN included). */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const floatView = new Float32Array(1);
const bitsView = new Uint32Array(floatView.buffer);

/** Single precision to IEEE half, rounded to nearest, ties to even, as PyTorch's `.half()` does. */
export function floatToHalf(value: number): number {
  floatView[0] = value;
  const bits = bitsView[0];
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  if (magnitude >= 0x47800000) return sign | 0x7c00; // infinity, or too large even before rounding
  if (magnitude < 0x38800000) {
    // Subnormal in half precision: count in units of 2^-24. Doubles hold the product exactly.
    const scaled = Math.abs(floatView[0]) * 2 ** 24;
    const floor = Math.floor(scaled);
    const rest = scaled - floor;
    return sign | (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor);
  }
  const rebased = magnitude - 0x38000000; // exponent bias 127 to 15
  const half = rebased >>> 13;
  const rest = rebased & 0x1fff;
  // A carry out of the fraction raises the exponent, up to infinity, which is what rounding means here.
  return sign | (rest > 0x1000 || (rest === 0x1000 && half & 1) ? half + 1 : half);
}

/** Copies bytes into an aligned buffer of their own when they do not start on a multiple of `alignment`. */
function aligned(bytes: Uint8Array, alignment: number): Uint8Array {
  return bytes.byteOffset % alignment === 0 ? bytes : bytes.slice();
}

/**
 * Little-endian bytes of `dtype` as single precision. F32 gives a view where alignment allows, all others a new
 * array.
 *
 * @throws CheckpointError for 64-bit integers outside what a double holds exactly.
 */
export function toFloat32(bytes: Uint8Array, dtype: DType): Float32Array {
  const { buffer, byteOffset, byteLength } = aligned(bytes, 8);
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case "F64":
      return Float32Array.from(new Float64Array(buffer, byteOffset, byteLength / 8));
    case "F16":
      return Float32Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2), halfToFloat);
    case "BF16": {
      const halves = new Uint16Array(buffer, byteOffset, byteLength / 2);
      const out = new Uint32Array(halves.length);
      for (let i = 0; i < halves.length; i++) out[i] = halves[i] << 16;
      return new Float32Array(out.buffer);
    }
    case "I64":
      return Float32Array.from(new BigInt64Array(buffer, byteOffset, byteLength / 8), (value) => {
        if (value > 2n ** 53n || value < -(2n ** 53n))
          throw new CheckpointError(`I64 value ${value} does not fit a floating-point number`);
        return Number(value);
      });
    case "I32":
      return Float32Array.from(new Int32Array(buffer, byteOffset, byteLength / 4));
    case "I16":
      return Float32Array.from(new Int16Array(buffer, byteOffset, byteLength / 2));
    case "I8":
      return Float32Array.from(new Int8Array(buffer, byteOffset, byteLength));
    case "U8":
    case "BOOL":
      return Float32Array.from(new Uint8Array(buffer, byteOffset, byteLength));
  }
}
