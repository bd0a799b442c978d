import fc from "fast-check";
import npm from "safetensors";
import { describe, expect, it } from "vitest";
import { bytesSource } from "../../../src/weights/byteSource.js";
import { DTYPE_BYTES, sizeOf, type DType } from "../../../src/weights/checkpoint.js";
import { METADATA_KEY, readSafetensors } from "../../../src/weights/safetensors.js";
import {
  safetensorsBytes,
  safetensorsChunks,
  type TensorToWrite,
} from "../../../src/weights/safetensorsWriter.js";
import { countingTensor, rejection } from "./safetensorsFile.js";

const headerOf = (file: Uint8Array) => {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  return new TextDecoder().decode(file.subarray(8, 8 + length));
};

// Text that UTF-8 can hold: anything but half a surrogate pair.
const texts = fc.string({ unit: "binary", maxLength: 12 });
const dtypes = fc.constantFrom(...(Object.keys(DTYPE_BYTES) as DType[]));
const tensors: fc.Arbitrary<TensorToWrite> = fc
  .record({
    name: texts.filter((name) => name !== METADATA_KEY),
    dtype: dtypes,
    shape: fc.array(fc.nat({ max: 4 }), { maxLength: 4 }),
  })
  .chain(({ name, dtype, shape }) => {
    const size = sizeOf(shape) * DTYPE_BYTES[dtype];
    return fc
      .uint8Array({ minLength: size, maxLength: size })
      .map((bytes) => ({ name, dtype, shape, bytes: () => bytes }));
  });
const checkpoints = fc.record({
  list: fc.uniqueArray(tensors, { maxLength: 8, selector: ({ name }) => name }),
  metadata: fc.dictionary(texts, texts, { noNullPrototype: true, maxKeys: 4 }),
});

describe("writing safetensors", () => {
  it("gives back what was written, whatever it was", () => {
    fc.assert(
      fc.property(checkpoints, ({ list, metadata }) => {
        const checkpoint = readSafetensors(bytesSource(safetensorsBytes(list, metadata)));
        expect(checkpoint.tensors.size).toBe(list.length);
        expect(checkpoint.metadata).toEqual(metadata);
        for (const { name, dtype, shape, bytes } of list) {
          expect(checkpoint.tensors.get(name)).toEqual({ dtype, shape });
          expect(Buffer.compare(checkpoint.readBytes(name), bytes())).toBe(0);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("gives files that npm's safetensors reads alike", () => {
    fc.assert(
      fc.property(checkpoints, ({ list, metadata }) => {
        // Its reader takes metadata for a tensor, so it is given none.
        const theirs = new npm.SafeTensor(safetensorsBytes(list));
        expect([...theirs.metadata.keys()].sort()).toEqual(list.map(({ name }) => name).sort());
        const ours = readSafetensors(bytesSource(safetensorsBytes(list, metadata)));
        for (const [name, { dtype, shape }] of theirs.metadata) {
          expect(ours.tensors.get(name)).toEqual({ dtype, shape });
          expect(Buffer.compare(ours.readBytes(name), theirs.getTensor(name))).toBe(0);
        }
      }),
      { numRuns: 300 },
    );
  });

  // What safetensors 0.8 for Python wrote of the same tensors.
  it("lays tensors out as Hugging Face's writer does", () => {
    const file = safetensorsBytes(
      [
        countingTensor("weight", "F32", [2, 2]),
        countingTensor("bias", "F32", [2]),
        countingTensor("b10", "F32", [1]),
        countingTensor("b9", "F32", [1]),
        countingTensor("scalar", "I64", []),
        countingTensor("double", "F64", [1]),
        countingTensor("int", "I32", [1]),
        countingTensor("bf", "BF16", [3]),
        countingTensor("half", "F16", [3]),
        countingTensor("short", "I16", [1]),
        countingTensor("byte", "U8", [1, 1]),
        countingTensor("signed", "I8", [1]),
        countingTensor("empty", "U8", [0, 3]),
        countingTensor("flag", "BOOL", [1]),
        countingTensor("\u{10000}", "BOOL", [1]),
        countingTensor("\uffee", "BOOL", [1]),
        countingTensor('quote"\\/\x7f\n', "BOOL", [1]),
      ],
      { format: "pt" },
    );
    expect(headerOf(file)).toBe(
      '{"__metadata__":{"format":"pt"},' +
        '"scalar":{"dtype":"I64","shape":[],"data_offsets":[0,8]},' +
        '"double":{"dtype":"F64","shape":[1],"data_offsets":[8,16]},' +
        '"b10":{"dtype":"F32","shape":[1],"data_offsets":[16,20]},' +
        '"b9":{"dtype":"F32","shape":[1],"data_offsets":[20,24]},' +
        '"bias":{"dtype":"F32","shape":[2],"data_offsets":[24,32]},' +
        '"weight":{"dtype":"F32","shape":[2,2],"data_offsets":[32,48]},' +
        '"int":{"dtype":"I32","shape":[1],"data_offsets":[48,52]},' +
        '"bf":{"dtype":"BF16","shape":[3],"data_offsets":[52,58]},' +
        '"half":{"dtype":"F16","shape":[3],"data_offsets":[58,64]},' +
        '"short":{"dtype":"I16","shape":[1],"data_offsets":[64,66]},' +
        '"signed":{"dtype":"I8","shape":[1],"data_offsets":[66,67]},' +
        '"byte":{"dtype":"U8","shape":[1,1],"data_offsets":[67,68]},' +
        '"empty":{"dtype":"U8","shape":[0,3],"data_offsets":[68,68]},' +
        '"flag":{"dtype":"BOOL","shape":[1],"data_offsets":[68,69]},' +
        '"quote\\"\\\\/\x7f\\n":{"dtype":"BOOL","shape":[1],"data_offsets":[69,70]},' +
        '"\uffee":{"dtype":"BOOL","shape":[1],"data_offsets":[70,71]},' +
        '"\u{10000}":{"dtype":"BOOL","shape":[1],"data_offsets":[71,72]}}      ',
    );
  });

  it("pads the header so that data are aligned", () => {
    for (let n = 0; n < 8; n++) {
      const file = safetensorsBytes([countingTensor("n".repeat(n), "F64", [1], 10)]);
      expect((file.length - 8) % 8).toBe(0);
      expect([...file.subarray(-8)]).toEqual([10, 11, 12, 13, 14, 15, 16, 17]);
    }
  });

  it("asks for each tensor's bytes only when their turn comes", () => {
    const asked: string[] = [];
    const list = ["b", "a"].map((name) => ({
      ...countingTensor(name, "U8", [1]),
      bytes: () => (asked.push(name), new Uint8Array(1)),
    }));
    const chunks = safetensorsChunks(list);
    chunks.next();
    expect(asked).toEqual([]);
    chunks.next();
    expect(asked).toEqual(["a"]);
    chunks.next();
    expect(asked).toEqual(["a", "b"]);
    expect(chunks.next().done).toBe(true);
  });

  it("counts offsets beyond 2^32", () => {
    const large = (name: string): TensorToWrite => ({
      name,
      dtype: "F32",
      shape: [3, 2 ** 30],
      bytes: () => new Uint8Array(0),
    });
    const header = safetensorsChunks([large("a"), large("b")]).next().value as Uint8Array;
    expect(headerOf(header)).toContain(`"data_offsets":[${12 * 2 ** 30},${24 * 2 ** 30}]`);
  });

  const a = countingTensor("a", "F32", [2]);
  it.each([
    ["a name used twice", [a, a], {}, 'two tensors cannot both be called "a"'],
    ["a reserved name", [{ ...a, name: "__metadata__" }], {}, "none __metadata__"],
    ["a name that UTF-8 cannot hold", [{ ...a, name: "\ud800" }], {}, "surrogate"],
    ["metadata that UTF-8 cannot hold", [a], { k: "\udc00" }, "surrogate"],
    ["a negative side", [{ ...a, shape: [-2] }], {}, 'tensor "a": [-2] is no shape'],
    ["a fractional side", [{ ...a, shape: [2, 1.5] }], {}, 'tensor "a": [2,1.5] is no shape'],
    ["a size beyond doubles", [{ ...a, shape: [2 ** 30, 2 ** 30] }], {}, "is no shape"],
    [
      "too many bytes",
      [{ ...a, bytes: () => new Uint8Array(9) }],
      {},
      'tensor "a": F32 [2] takes 8 bytes, got 9',
    ],
    [
      "too few bytes",
      [{ ...a, bytes: () => new Uint8Array(4) }],
      {},
      'tensor "a": F32 [2] takes 8 bytes, got 4',
    ],
    ["a header above 100 MB", [{ ...a, name: "n".repeat(100_000_000) }], {}, "the format allows 100000000"],
  ])("rejects %s", (_, list, metadata, expected) => {
    expect(rejection(() => safetensorsBytes(list, metadata))).toContain(expected);
  });
});
