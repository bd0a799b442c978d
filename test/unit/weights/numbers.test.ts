import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { floatToHalf, fromFloat32, halfToFloat, toFloat32 } from "../../../src/weights/numbers.js";

/** Bytes of a typed array. */
function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** The value with these bits. */
function single(bits: number): Float32Array {
  return new Float32Array(Uint32Array.of(bits).buffer);
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

function halfBits(bytes: Uint8Array): Uint16Array {
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
}

const isHalfNaN = (bits: number) => (bits & 0x7fff) > 0x7c00;
const ALL_16_BITS = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

describe("half precision", () => {
  it("widens by its definition, for each of the 65,536 halves", () => {
    const widened = toFloat32(bytesOf(ALL_16_BITS), "F16");
    for (const bits of ALL_16_BITS) {
      const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
      const finite = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
      const value = sign * (exponent < 31 ? finite : fraction === 0 ? Infinity : NaN);
      if (!Object.is(widened[bits], value) || !Object.is(halfToFloat(bits), value))
        expect.fail(`half 0x${bits.toString(16)} became ${widened[bits]} and ${halfToFloat(bits)}`);
    }
  });

  it("comes back to the bit, for each of the 65,536 halves; a signalling NaN comes back quiet", () => {
    const back = halfBits(fromFloat32(toFloat32(bytesOf(ALL_16_BITS), "F16"), "F16"));
    const expected = ALL_16_BITS.map((bits) => (isHalfNaN(bits) ? bits | 0x200 : bits));
    expect(back).toEqual(expected);
  });

  // torch.tensor(...).half(), torch 2.13 on x86: bits of the single, bits of the half.
  const ROUNDED: readonly (readonly [string, number, number])[] = [
    ["1", 0x3f800000, 0x3c00],
    ["-0", 0x80000000, 0x8000],
    ["0.1", 0x3dcccccd, 0x2e66],
    ["-π", 0xc0490fdb, 0xc248],
    ["a tie above an even half", 0x3f801000, 0x3c00],
    ["just above that tie", 0x3f801001, 0x3c01],
    ["just below a tie", 0x3f802fff, 0x3c01],
    ["a tie above an odd half", 0x3f803000, 0x3c02],
    ["the largest half, 65504", 0x477fe000, 0x7bff],
    ["just below 65520", 0x477fefff, 0x7bff],
    ["65520, which overflows", 0x477ff000, 0x7c00],
    ["65536", 0x47800000, 0x7c00],
    ["the largest single", 0x7f7fffff, 0x7c00],
    ["infinity", 0x7f800000, 0x7c00],
    ["-infinity", 0xff800000, 0xfc00],
    ["the smallest normal half", 0x38800000, 0x0400],
    ["the largest subnormal half", 0x387fc000, 0x03ff],
    ["a tie between the two", 0x387fe000, 0x0400],
    ["just below that tie", 0x387fdfff, 0x03ff],
    ["2.5 units of 2^-24", 0x34200000, 0x0002],
    ["3.5 units of 2^-24", 0x34600000, 0x0004],
    ["1.5 units of 2^-24", 0x33c00000, 0x0002],
    ["2^-24, the smallest half", 0x33800000, 0x0001],
    ["just above 2^-25", 0x33000001, 0x0001],
    ["2^-25, a tie with zero", 0x33000000, 0x0000],
    ["the smallest single", 0x00000001, 0x0000],
    ["a NaN", 0x7fc00000, 0x7e00],
    ["a negative NaN with a payload", 0xffc02000, 0xfe01],
  ];
  it.each(ROUNDED)("rounds %s as PyTorch does", (_, from, to) => {
    expect([...halfBits(fromFloat32(single(from), "F16"))]).toEqual([to]);
  });

  it("rounds single values by the same rule", () => {
    for (const [, from, to] of ROUNDED) {
      const got = floatToHalf(single(from)[0]);
      if (isHalfNaN(to)) expect(isHalfNaN(got)).toBe(true);
      else expect(got).toBe(to);
    }
  });

  it("rounds any value to a half that none lies nearer to", () => {
    fc.assert(
      fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
        const bits = floatToHalf(value);
        const distance = Math.abs(halfToFloat(bits) - value);
        for (const neighbour of [bits - 1, bits + 1].filter((n) => n >= 0 && (n & 0x7c00) !== 0x7c00))
          expect(Math.abs(halfToFloat(neighbour) - value)).toBeGreaterThanOrEqual(distance);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("bfloat16", () => {
  it("comes back to the bit, for each of the 65,536; a signalling NaN comes back quiet", () => {
    const back = halfBits(fromFloat32(toFloat32(bytesOf(ALL_16_BITS), "BF16"), "BF16"));
    expect(back).toEqual(ALL_16_BITS.map((bits) => ((bits & 0x7fff) > 0x7f80 ? bits | 0x40 : bits)));
  });

  it("is the upper half of a single", () => {
    const bits = bitsOf(toFloat32(bytesOf(Uint16Array.of(0x3f80, 0xc049, 0x0001)), "BF16"));
    expect([...bits]).toEqual([0x3f800000, 0xc0490000, 0x00010000]);
  });

  // torch.tensor(...).bfloat16(), torch 2.13.
  it.each([
    ["0.1", 0x3dcccccd, 0x3dcd],
    ["-π", 0xc0490fdb, 0xc049],
    ["a tie above an even value", 0x3f808000, 0x3f80],
    ["just above that tie", 0x3f808001, 0x3f81],
    ["just below a tie", 0x3f817fff, 0x3f81],
    ["a tie above an odd value", 0x3f818000, 0x3f82],
    ["just below the last tie", 0x7f7f7fff, 0x7f7f],
    ["the last tie, which overflows", 0x7f7f8000, 0x7f80],
    ["the largest single", 0x7f7fffff, 0x7f80],
    ["infinity", 0x7f800000, 0x7f80],
    ["-infinity", 0xff800000, 0xff80],
    ["-0", 0x80000000, 0x8000],
    ["the smallest single", 0x00000001, 0x0000],
    ["a subnormal tie above an odd value", 0x00018000, 0x0002],
    ["a negative subnormal", 0x80008001, 0x8001],
  ])("rounds %s as PyTorch does", (_, from, to) => {
    expect([...halfBits(fromFloat32(single(from), "BF16"))]).toEqual([to]);
  });

  it("keeps NaN a NaN, even where its payload lies in the lower half alone", () => {
    const [positive, negative] = halfBits(
      fromFloat32(new Float32Array(Uint32Array.of(0x7f800001, 0xff800001).buffer), "BF16"),
    );
    expect([positive, negative]).toEqual([0x7fc0, 0xffc0]);
  });
});

describe("other element types", () => {
  it("are converted as PyTorch's .float() does", () => {
    const cases: readonly [Parameters<typeof toFloat32>[1], ArrayBufferView, number[]][] = [
      ["F64", Float64Array.of(0.1, -1e300, NaN), [Math.fround(0.1), -Infinity, NaN]],
      ["F32", Float32Array.of(0.5, -0), [0.5, -0]],
      ["I64", BigInt64Array.of(-3n, 16777217n, 2n ** 53n - 1n), [-3, 16777216, 2 ** 53]],
      ["I32", Int32Array.of(-(2 ** 31), 16777219), [-(2 ** 31), 16777220]],
      ["I16", Int16Array.of(-32768, 7), [-32768, 7]],
      ["I8", Int8Array.of(-128, 7), [-128, 7]],
      ["U8", Uint8Array.of(0, 255), [0, 255]],
      ["BOOL", Uint8Array.of(0, 1), [0, 1]],
    ];
    for (const [dtype, values, expected] of cases)
      expect([dtype, ...toFloat32(bytesOf(values), dtype)]).toEqual([dtype, ...expected]);
  });

  it.each([2n ** 53n, -(2n ** 53n), 2n ** 53n + 1n, -(2n ** 63n)])("refuse the integer %s", (value) => {
    expect(() => toFloat32(bytesOf(BigInt64Array.of(0n, value)), "I64")).toThrow(`I64 value ${value}`);
  });

  it("are read at any offset, from bytes that are not aligned, Node's Buffer included", () => {
    const shifted = new Uint8Array(17);
    shifted.set(bytesOf(Float64Array.of(1.5, -2)), 1);
    expect([...toFloat32(shifted.subarray(1), "F64")]).toEqual([1.5, -2]);
    expect([...toFloat32(Buffer.from(shifted.buffer, 1), "F64")]).toEqual([1.5, -2]);
    expect([...toFloat32(shifted.subarray(1, 3), "F16")]).toEqual([0]);
  });

  it("hold no elements when there are no bytes", () => {
    expect(toFloat32(new Uint8Array(0), "F16")).toHaveLength(0);
    expect(fromFloat32(new Float32Array(0), "BF16")).toHaveLength(0);
  });
});

describe("single precision", () => {
  it("is seen in place where it is aligned, and copied where not", () => {
    const buffer = new Uint8Array(12);
    expect(toFloat32(buffer.subarray(4), "F32").buffer).toBe(buffer.buffer);
    expect(toFloat32(buffer.subarray(2, 10), "F32").buffer).not.toBe(buffer.buffer);
  });

  it("is written from a part of an array", () => {
    const part = Float32Array.of(1, 2, 3).subarray(1);
    expect([...toFloat32(fromFloat32(part, "F32"), "F32")]).toEqual([2, 3]);
    expect([...toFloat32(fromFloat32(part, "F16"), "F16")]).toEqual([2, 3]);
  });
});
