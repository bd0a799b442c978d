import { describe, expect, it } from "vitest";
import { bytesSource, type ByteSource } from "../../../src/weights/byteSource.js";
import { readSafetensors } from "../../../src/weights/safetensors.js";
import { headerWith, rawFile, rejection } from "./safetensorsFile.js";

const read = (file: Uint8Array) => readSafetensors(bytesSource(file, "x.safetensors"));

describe("reading safetensors", () => {
  it("gives names in the header's order, dtypes, shapes, metadata and bytes", () => {
    const file = rawFile(
      '{"b":{"dtype":"I16","shape":[2,1],"data_offsets":[4,8]},' +
        '"__metadata__":{"format":"pt","note":"\\u00e9\\n"},' +
        '"a":{"data_offsets":[0,4],"shape":[1],"dtype":"F32"}}',
      8,
    );
    file.set([1, 2, 3, 4, 5, 6, 7, 8], file.length - 8);
    const checkpoint = read(file);
    expect(checkpoint.source).toBe("x.safetensors");
    expect([...checkpoint.tensors]).toEqual([
      ["b", { dtype: "I16", shape: [2, 1] }],
      ["a", { dtype: "F32", shape: [1] }],
    ]);
    expect(checkpoint.metadata).toEqual({ format: "pt", note: "é\n" });
    expect([...checkpoint.readBytes("a")]).toEqual([1, 2, 3, 4]);
    expect([...checkpoint.readBytes("b")]).toEqual([5, 6, 7, 8]);
  });

  it("takes every dtype", () => {
    const sizes = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 };
    for (const [dtype, size] of Object.entries(sizes)) {
      const header = headerWith({ dtype: `"${dtype}"`, shape: "[3]", data_offsets: `[0,${3 * size}]` });
      expect(read(rawFile(header, 3 * size)).tensors.get("a")).toEqual({ dtype, shape: [3] });
    }
  });

  it("takes scalars, tensors without elements, and a file without tensors", () => {
    const scalar = read(rawFile(headerWith({ shape: "[]", data_offsets: "[0,4]" }), 4));
    expect(scalar.tensors.get("a")?.shape).toEqual([]);
    expect(scalar.readBytes("a")).toHaveLength(4);
    const empty = read(rawFile(headerWith({ shape: "[5,0]", data_offsets: "[0,0]" })));
    expect(empty.readBytes("a")).toHaveLength(0);
    expect(read(rawFile("{}")).tensors.size).toBe(0);
  });

  it("takes a tensor without elements at the place of another, in any order", () => {
    const empty = '"e":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}';
    const full = '"f":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}';
    for (const header of [`{${empty},${full}}`, `{${full},${empty}}`])
      expect(read(rawFile(header, 2)).tensors.size).toBe(2);
  });

  it("takes white space where JSON allows it, and padding", () => {
    const header = '{ "a" :\t{ "dtype" : "U8" ,\r\n "shape" : [ 1 , 1 ] , "data_offsets" : [ 0 , 1 ] } }   ';
    expect(read(rawFile(header, 1)).tensors.get("a")?.shape).toEqual([1, 1]);
  });

  it("takes names that objects treat specially, and empty ones", () => {
    const entry = (at: number) => `{"dtype":"U8","shape":[1],"data_offsets":[${at},${at + 1}]}`;
    const names = ["__proto__", "constructor", "1", "", "a\\u0000b", "模型"];
    const header = `{"__metadata__":{"__proto__":"m"},${names.map((name, i) => `"${name}":${entry(i)}`).join()}}`;
    const checkpoint = read(rawFile(header, names.length));
    expect([...checkpoint.tensors.keys()]).toEqual(["__proto__", "constructor", "1", "", "a\0b", "模型"]);
    expect(Object.entries(checkpoint.metadata)).toEqual([["__proto__", "m"]]);
  });

  it("reads only the header, then only the tensor asked for", () => {
    const file = rawFile(headerWith({ shape: "[1000]", data_offsets: "[0,4000]" }), 4000);
    const headerEnd = file.length - 4000;
    const reads: [number, number][] = [];
    const source = bytesSource(file, "x");
    const checkpoint = readSafetensors({
      ...source,
      read(offset, length) {
        reads.push([offset, offset + length]);
        return source.read(offset, length);
      },
    });
    expect(Math.max(...reads.map(([, end]) => end))).toBe(headerEnd);
    reads.length = 0;
    checkpoint.readBytes("a");
    expect(reads).toEqual([[headerEnd, headerEnd + 4000]]);
  });

  it("reads a header longer than its window, with strings that cross it", () => {
    const count = 4000;
    const entry = (i: number) =>
      `"${"é".repeat(i % 50)}${i}":{"dtype":"U8","shape":[1],"data_offsets":[${i},${i + 1}]}`;
    const long = "v".repeat(200_000);
    const header = `{"__metadata__":{"long":"${long}"},${Array.from({ length: count }, (_, i) => entry(i)).join()}}`;
    const checkpoint = read(rawFile(header, count));
    expect(checkpoint.metadata["long"]).toBe(long);
    expect([...checkpoint.tensors.keys()]).toEqual(
      Array.from({ length: count }, (_, i) => `${"é".repeat(i % 50)}${i}`),
    );
  });

  it("names a tensor that is not there", () => {
    expect(rejection(() => read(rawFile("{}")).readBytes("w"))).toBe('x.safetensors: has no tensor "w"');
  });
});

describe("a source behind a checkpoint", () => {
  function counted(file: Uint8Array): { source: ByteSource; closes: () => number } {
    let closes = 0;
    return { source: { ...bytesSource(file, "x"), close: () => closes++ }, closes: () => closes };
  }

  it("is closed once, with it, and not read afterwards", () => {
    const { source, closes } = counted(rawFile(headerWith({}), 8));
    const checkpoint = readSafetensors(source);
    expect(closes()).toBe(0);
    checkpoint.close();
    checkpoint.close();
    expect(closes()).toBe(1);
    expect(rejection(() => checkpoint.readBytes("a"))).toBe('x: was closed before tensor "a" was read');
  });

  it("is closed when it is rejected", () => {
    const { source, closes } = counted(rawFile("{"));
    rejection(() => readSafetensors(source));
    expect(closes()).toBe(1);
  });
});

const length = (value: bigint, rest = 4) => {
  const file = rawFile("{}", rest);
  new DataView(file.buffer).setBigUint64(0, value, true);
  return file;
};
const two = (first: string, second: string) =>
  `{"a":{"dtype":"U8","shape":[4],"data_offsets":${first}},"b":{"dtype":"U8","shape":[4],"data_offsets":${second}}}`;

// What is wrong, the file, and what the message must say.
const REJECTED: readonly (readonly [string, Uint8Array, string | RegExp])[] = [
  ["an empty file", new Uint8Array(0), "0 bytes, which is too short"],
  ["a file of 8 bytes", new Uint8Array(8), "8 bytes, which is too short"],
  ["a header length of zero", length(0n), 'does not begin with "{"'],
  ["a header longer than the file", length(7n), "header of 7 bytes, but only 6 follow"],
  ["a header above 100 MB", length(100_000_001n), "header of 100000001 bytes; at most 100000000"],
  ["a header length beyond doubles", length(2n ** 64n - 1n), "header of 18446744073709551615 bytes"],
  ["a negative-looking header length", length(2n ** 63n), "header of 9223372036854775808 bytes"],
  ["a ZIP file", new TextEncoder().encode("PK\x03\x04 and more than that"), "not a safetensors file"],
  ["a header that is no object", rawFile("[]"), 'does not begin with "{"'],
  ["white space before the header", rawFile(" {}"), 'does not begin with "{"'],
  ["a header that is cut", rawFile('{"a":{"dtype"'), 'byte 21, in "a": expected ":", got the end'],
  ["a header that ends within a string", rawFile('{"a'), "byte 9: ends within a string"],
  ["a header that ends within an escape", rawFile('{"a\\'), "byte 9: ends within a string"],
  ["something after the header's object", rawFile("{} x"), 'byte 11: expected nothing more, got "x"'],
  ["zeros as padding", rawFile("{}\0\0"), "byte 10: expected nothing more, got byte 0x00"],
  ["a trailing comma", rawFile("{,}"), 'expected a string, got ","'],
  ["a trailing comma in an array", rawFile(headerWith({ shape: "[2,]" }), 8), /whole number.*got "\]"/],
  ["a key without quotes", rawFile("{a:1}"), 'byte 9: expected a string, got "a"'],
  ["an unknown escape", rawFile('{"\\x":1}'), "invalid escape"],
  ["a control character", rawFile('{"a\n":1}'), "control character"],
  ["invalid UTF-8", rawFile(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), "UTF-8"],
  ["half of a surrogate pair", rawFile('{"\\ud800":1}'), "surrogate"],
  ["a duplicate tensor", rawFile(two("[0,4]", "[4,8]").replace('"b"', '"a"'), 8), '"a" appears twice'],
  [
    "a duplicate written with an escape",
    rawFile(two("[0,4]", "[4,8]").replace('"b"', '"\\u0061"'), 8),
    '"a" appears twice',
  ],
  ["duplicate metadata", rawFile('{"__metadata__":{"k":"1","k":"2"}}'), '"k" appears twice'],
  ["two metadata sections", rawFile('{"__metadata__":{},"__metadata__":{}}'), '"__metadata__" appears twice'],
  [
    "a duplicate field",
    rawFile('{"a":{"dtype":"U8","dtype":"U8"}}'),
    'in "a": the name "dtype" appears twice',
  ],
  ["metadata that is no object", rawFile('{"__metadata__":"pt"}'), 'in "__metadata__": expected an object'],
  ["metadata that is no text", rawFile('{"__metadata__":{"k":1}}'), '"__metadata__"."k": expected a string'],
  ["a tensor that is no object", rawFile('{"a":[1]}'), 'in "a": expected an object, got "["'],
  ["an unknown field", rawFile(headerWith({ stride: "[1]" }), 8), 'in "a"."stride": unknown field'],
  ["no dtype", rawFile('{"a":{"shape":[],"data_offsets":[0,0]}}'), 'in "a": dtype is missing'],
  ["no shape", rawFile('{"a":{"dtype":"U8","data_offsets":[0,0]}}'), 'in "a": shape is missing'],
  ["no offsets", rawFile('{"a":{"dtype":"U8","shape":[]}}'), 'in "a": data_offsets are missing'],
  [
    "an unsupported dtype",
    rawFile(headerWith({ dtype: '"F8_E4M3"' }), 8),
    /"F8_E4M3" is not supported.*BF16/,
  ],
  ["an inherited name as dtype", rawFile(headerWith({ dtype: '"toString"' }), 8), '"toString" is not supp'],
  ["a dtype that is no text", rawFile(headerWith({ dtype: "32" }), 8), 'expected a string, got "3"'],
  ["a shape that is no array", rawFile(headerWith({ shape: "2" }), 8), 'expected an array, got "2"'],
  [
    "a negative side",
    rawFile(headerWith({ shape: "[-2]" }), 8),
    '"shape"[0]: expected a whole number from 0',
  ],
  ["a fractional side", rawFile(headerWith({ shape: "[1,2.5]" }), 8), '"shape"[1]: expected a whole number'],
  ["a side with an exponent", rawFile(headerWith({ shape: "[2e0]" }), 8), "got 2e0"],
  ["a side with a leading zero", rawFile(headerWith({ shape: "[02]" }), 8), "got 02"],
  ["a side of null", rawFile(headerWith({ shape: "[null]" }), 8), "got null"],
  ["a side in quotes", rawFile(headerWith({ shape: '["2"]' }), 8), 'got """'],
  ["a nested shape", rawFile(headerWith({ shape: "[[2]]" }), 8), 'got "["'],
  ["a side of 2^53", rawFile(headerWith({ shape: "[9007199254740992]" }), 8), "got 9007199254740992"],
  ["a side of 1000 digits", rawFile(headerWith({ shape: `[${"9".repeat(1000)}]` }), 8), "2^53 - 1, got 999"],
  [
    "a size beyond doubles",
    rawFile(headerWith({ shape: "[4294967296,4294967296]" }), 8),
    "F32 [4294967296,4294967296] is larger than",
  ],
  [
    "a size that a zero hides",
    rawFile(headerWith({ shape: "[4294967296,4294967296,0]", data_offsets: "[0,0]" })),
    "is larger than 2^53 - 1 bytes",
  ],
  ["more than 64 axes", rawFile(headerWith({ shape: `[${Array(65).fill(1).join()}]` }), 8), "more than 64"],
  ["one offset", rawFile(headerWith({ data_offsets: "[8]" }), 8), "must be [begin, end], got 1 numbers"],
  ["three offsets", rawFile(headerWith({ data_offsets: "[0,8,8]" }), 8), "more than 2 numbers"],
  ["offsets that run backwards", rawFile(headerWith({ data_offsets: "[8,0]" }), 8), "[8,0] end before"],
  ["a negative offset", rawFile(headerWith({ data_offsets: "[-8,0]" }), 8), "got -8"],
  [
    "offsets that do not match the shape",
    rawFile(headerWith({ data_offsets: "[0,12]" }), 12),
    "F32 [2] takes 8 bytes, but data_offsets [0,12] hold 12",
  ],
  [
    "offsets that do not match the dtype",
    rawFile(headerWith({ dtype: '"F16"' }), 8),
    "F16 [2] takes 4 bytes, but data_offsets [0,8] hold 8",
  ],
  ["tensors that overlap", rawFile(two("[0,4]", "[3,7]"), 7), '"a" and "b" overlap at byte 3'],
  ["tensors that share bytes", rawFile(two("[0,4]", "[0,4]"), 4), '"a" and "b" overlap at byte 0'],
  ["an overlap out of order", rawFile(two("[2,6]", "[0,4]"), 6), '"b" and "a" overlap at byte 2'],
  ["a hole", rawFile(two("[0,4]", "[6,10]"), 10), 'bytes 4 to 6 of the data, before tensor "b"'],
  ["a hole at the start", rawFile(headerWith({ data_offsets: "[4,12]" }), 12), "bytes 0 to 4 of the data"],
  ["truncated data", rawFile(headerWith({}), 7), "truncated: the tensors take 8 bytes, but 7 follow"],
  ["trailing bytes", rawFile(headerWith({}), 9), "1 bytes follow the last tensor"],
  ["data without tensors", rawFile("{}", 3), "3 bytes follow the last tensor"],
  [
    "offsets far beyond the file",
    rawFile(headerWith({ shape: "[1000000000000]", data_offsets: "[0,4000000000000]" }), 8),
    "truncated: the tensors take 4000000000000 bytes",
  ],
];

describe("a safetensors file is rejected", () => {
  it.each(REJECTED)("for %s", (_, file, expected) => {
    const message = rejection(() => read(file));
    expect(message).toMatch(/^x\.safetensors: /);
    if (typeof expected === "string") expect(message).toContain(expected);
    else expect(message).toMatch(expected);
  });

  it("with a message of a readable length, whatever the name's", () => {
    const header = headerWith({ dtype: `"${"x".repeat(100_000)}"` }).replace(
      '"a"',
      `"${"n".repeat(100_000)}"`,
    );
    expect(rejection(() => read(rawFile(header, 8))).length).toBeLessThan(500);
  });

  it("before anything is read or held that only a damaged header speaks of", () => {
    const source = bytesSource(rawFile(headerWith({ shape: `[${"1,".repeat(200_000)}2]` }), 8), "x");
    let most = 0;
    const watched: ByteSource = {
      ...source,
      read(offset, count) {
        most = Math.max(most, count);
        return source.read(offset, count);
      },
    };
    expect(rejection(() => readSafetensors(watched))).toContain("more than 64 numbers");
    expect(most).toBeLessThanOrEqual(65536);
  });
});
