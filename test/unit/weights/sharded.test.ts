import { describe, expect, it } from "vitest";
import { bytesSource, type ByteSource } from "../../../src/weights/byteSource.js";
import { safetensorsBytes, type TensorToWrite } from "../../../src/weights/safetensorsWriter.js";
import { readShardedSafetensors } from "../../../src/weights/sharded.js";
import { countingTensor, rejection } from "./safetensorsFile.js";

const [A, B, C] = [
  countingTensor("a", "F32", [2]),
  countingTensor("b", "U8", [3], 10),
  countingTensor("c", "I16", [1], 20),
];
const SHARDS = { "m-1.safetensors": [A, B], "m-2.safetensors": [C] };
const MAP = { a: "m-1.safetensors", c: "m-2.safetensors", b: "m-1.safetensors" };

/** A folder in memory, and what was opened and closed in it. */
function folder(shards: Readonly<Record<string, readonly TensorToWrite[]>> = SHARDS) {
  const opened: string[] = [];
  const closed: string[] = [];
  const open = (name: string): ByteSource => {
    opened.push(name);
    if (!Object.hasOwn(shards, name)) throw new Error("no such file");
    const bytes = safetensorsBytes(shards[name], { format: "pt", part: name, [name]: "here" });
    return { ...bytesSource(bytes, name), close: () => closed.push(name) };
  };
  return { opened, closed, open };
}

const indexOf = (text: string) => bytesSource(new TextEncoder().encode(text), "m.index.json");
const readText = (text: string, open = folder().open) => readShardedSafetensors(indexOf(text), open);
const readMap = (map: unknown, open = folder().open, metadata: unknown = { total_size: 13 }) =>
  readText(JSON.stringify({ metadata, weight_map: map }), open);

describe("a sharded checkpoint", () => {
  it("is one checkpoint", () => {
    const checkpoint = readMap(MAP);
    expect(checkpoint.source).toBe("m.index.json");
    expect(Object.fromEntries(checkpoint.tensors)).toEqual({
      a: { dtype: "F32", shape: [2] },
      b: { dtype: "U8", shape: [3] },
      c: { dtype: "I16", shape: [1] },
    });
    expect([...checkpoint.readBytes("b")]).toEqual([10, 11, 12]);
    expect([...checkpoint.readBytes("c")]).toEqual([20, 21]);
    expect(checkpoint.metadata).toEqual({
      format: "pt",
      part: "m-1.safetensors",
      "m-1.safetensors": "here",
      "m-2.safetensors": "here",
    });
  });

  it("opens a shard when its tensor is read, once, and closes what it opened", () => {
    const { opened, closed, open } = folder();
    const checkpoint = readMap(MAP, open);
    expect(opened).toEqual([]);
    checkpoint.readBytes("c");
    checkpoint.readBytes("c");
    expect(opened).toEqual(["m-2.safetensors"]);
    checkpoint.close();
    expect(closed).toEqual(["m-2.safetensors"]);
    expect(rejection(() => checkpoint.readBytes("c"))).toContain("was closed");
    expect(rejection(() => checkpoint.readBytes("a"))).toContain("was closed");
    expect(opened).toEqual(["m-2.safetensors"]);
  });

  it("closes its index, read or rejected", () => {
    for (const text of ['{"weight_map":{}}', "{"]) {
      let closes = 0;
      const index = { ...indexOf(text), close: () => closes++ };
      try {
        readShardedSafetensors(index, folder().open);
      } catch {
        expect(text).toBe("{");
      }
      expect(closes).toBe(1);
    }
  });

  it("needs no total_size, and passes over what it does not know", () => {
    const other = { list: [1, -2.5e3, null, true, { deep: ["}"] }], text: 'quo"te', empty: [{}, []] };
    expect(readMap(MAP, folder().open, other).tensors.size).toBe(3);
    expect(readText(`{"weight_map":${JSON.stringify(MAP)},"x":{"y":[false]}}`).tensors.size).toBe(3);
  });

  it("names a tensor that is not there", () => {
    expect(rejection(() => readMap(MAP).readBytes("w"))).toBe('m.index.json: has no tensor "w"');
  });
});

describe("an index of shards is rejected", () => {
  it.each([
    ["a path upwards", "../m-1.safetensors"],
    ["a path downwards", "sub/m-1.safetensors"],
    ["a Windows path", "..\\m-1.safetensors"],
    ["an absolute path", "/etc/passwd"],
    ["a drive", "C:m"],
    ["a URL", "https://host/x"],
    ["an escaped path", "%2e%2e%2fm"],
    ["the folder itself", "."],
    ["the folder above", ".."],
    ["an empty name", ""],
    ["a zero byte", "m\0.safetensors"],
    ["a query", "m?x"],
  ])("for %s as a file name", (_, name) => {
    const { opened, open } = folder();
    expect(rejection(() => readMap({ ...MAP, a: name }, open))).toContain(
      `in "weight_map"."a": expected a plain file name beside the index, got ${JSON.stringify(name)}`,
    );
    expect(opened).toEqual([]);
  });

  it.each([
    ["text that is no JSON", "weight_map: {}", 'expected an object, got "w"'],
    ["no weight_map", '{"metadata":{"total_size":1}}', "weight_map is missing"],
    ["a list as weight_map", '{"weight_map":[]}', "expected an object"],
    ["a file name that is no text", '{"weight_map":{"a":1}}', '"weight_map"."a": expected a string'],
    ["a tensor mapped twice", '{"weight_map":{"a":"x","a":"y"}}', 'the name "a" appears twice'],
    ["a total_size that is no whole number", '{"metadata":{"total_size":1.5}}', "got 1.5"],
    ["a value that is none", '{"metadata":{"x":nil}}', 'in "metadata"."x": expected a value, got "n"'],
    ["such a value across the reader's windows", `{"x":${" ".repeat(65528)}truth}`, 'a value, got "t"'],
    ["a number that is none", '{"x":01}', 'expected a value, got "0"'],
    ["endless nesting", `{"x":${"[".repeat(1e6)}`, "nested more than 32 deep"],
    ["something after it", '{"weight_map":{}}{}', "expected nothing more"],
  ])("for %s", (_, text, expected) => {
    expect(rejection(() => readText(text))).toContain(expected);
  });
});

describe("shards that do not fit the index are rejected", () => {
  it("when one is missing", () => {
    const { open } = folder({ "m-1.safetensors": [A, B] });
    const checkpoint = readMap(MAP, open);
    const expected = 'm.index.json: its shard "m-2.safetensors" cannot be opened: no such file';
    expect(rejection(() => checkpoint.readBytes("c"))).toBe(expected);
    expect(rejection(() => checkpoint.tensors)).toBe(expected);
    expect([...checkpoint.readBytes("b")]).toEqual([10, 11, 12]);
  });

  it("when one lacks a tensor", () => {
    const { closed, open } = folder({ ...SHARDS, "m-1.safetensors": [A] });
    expect(rejection(() => readMap(MAP, open).readBytes("a"))).toBe(
      'm-1.safetensors: lacks tensor "b", which m.index.json puts there',
    );
    expect(closed).toEqual(["m-1.safetensors"]);
  });

  it("when one holds a tensor that the index does not name", () => {
    const { open } = folder({ ...SHARDS, "m-2.safetensors": [C, countingTensor("d", "U8", [1])] });
    expect(rejection(() => readMap(MAP, open).tensors)).toBe(
      'm-2.safetensors: holds tensor "d", which m.index.json does not name',
    );
  });

  it("when one holds a tensor of another", () => {
    const { open } = folder({ ...SHARDS, "m-2.safetensors": [C, A] });
    expect(rejection(() => readMap(MAP, open).tensors)).toBe(
      'm-2.safetensors: holds tensor "a", which m.index.json puts into "m-1.safetensors"',
    );
  });

  it("when one is damaged", () => {
    const open = () => bytesSource(new Uint8Array(3), "m-1.safetensors");
    expect(rejection(() => readMap(MAP, open).readBytes("a"))).toContain(
      "m-1.safetensors: not a safetensors",
    );
  });

  it("when their size is not total_size", () => {
    expect(rejection(() => readMap(MAP, folder().open, { total_size: 14 }).tensors)).toBe(
      "m.index.json: total_size is 14, but the tensors of all shards take 13 bytes",
    );
  });
});
