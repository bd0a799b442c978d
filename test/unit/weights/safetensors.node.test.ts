import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fileSource } from "../../../src/weights/byteSource.node.js";
import { readSafetensors } from "../../../src/weights/safetensors.js";
import { saveSafetensors } from "../../../src/weights/safetensors.node.js";
import { safetensorsBytes, safetensorsChunks } from "../../../src/weights/safetensorsWriter.js";
import { countingTensor, rejection } from "./safetensorsFile.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "safetensors-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const TENSORS = [countingTensor("a", "F32", [2]), countingTensor("b", "U8", [3], 100)];

describe("saving safetensors", () => {
  it("writes the bytes of the file, and nothing beside it", () => {
    const path = join(folder, "x.safetensors");
    writeFileSync(path, "what was there before");
    saveSafetensors(path, TENSORS, { format: "pt" });
    expect(Buffer.compare(readFileSync(path), safetensorsBytes(TENSORS, { format: "pt" }))).toBe(0);
    expect(readdirSync(folder)).toEqual(["x.safetensors"]);
    const checkpoint = readSafetensors(fileSource(path));
    expect([...checkpoint.readBytes("b")]).toEqual([100, 101, 102]);
    checkpoint.close();
  });

  it("leaves the old file, and nothing beside it, when a tensor fails half-way", () => {
    const path = join(folder, "x.safetensors");
    writeFileSync(path, "old");
    const broken = { ...TENSORS[1], bytes: () => new Uint8Array(1) };
    expect(rejection(() => saveSafetensors(path, [TENSORS[0], broken]))).toContain('tensor "b"');
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["x.safetensors"]);
  });

  it("removes its temporary file when the name cannot be taken", () => {
    // A folder that is not empty cannot be replaced by a file.
    const path = join(folder, "taken");
    mkdirSync(join(path, "inner"), { recursive: true });
    expect(() => saveSafetensors(path, TENSORS)).toThrow(/EISDIR|ENOTEMPTY|EEXIST|EPERM/);
    expect(readdirSync(folder)).toEqual(["taken"]);
  });
});

describe("a file above 2 GiB", () => {
  it("is read without reading it, on both sides of every 32-bit border", () => {
    // Offsets beyond 2^31 and 2^32. The file is sparse: it takes a few pages of disk.
    const path = join(folder, "large.safetensors");
    const big = (name: string, gib: number) => ({
      name,
      dtype: "F64" as const,
      shape: [gib, 2 ** 27],
      bytes: () => new Uint8Array(0),
    });
    const list = [
      big("a", 2),
      countingTensor("b", "F64", [2], 10),
      big("c", 2),
      countingTensor("d", "F64", [1], 50),
    ];
    const header = safetensorsChunks(list).next().value as Uint8Array;
    const at = { b: header.length + 2 ** 31, d: header.length + 2 ** 32 + 16 };
    const descriptor = openSync(path, "w");
    writeSync(descriptor, header);
    writeSync(descriptor, list[1].bytes(), 0, 16, at.b);
    ftruncateSync(descriptor, at.d + 8);
    writeSync(descriptor, list[3].bytes(), 0, 8, at.d);
    closeSync(descriptor);
    expect(statSync(path).blocks * 512).toBeLessThan(1e6);

    const before = process.memoryUsage.rss();
    const checkpoint = readSafetensors(fileSource(path));
    expect([...checkpoint.readBytes("b")]).toEqual(Array.from({ length: 16 }, (_, i) => 10 + i));
    expect([...checkpoint.readBytes("d")]).toEqual([50, 51, 52, 53, 54, 55, 56, 57]);
    checkpoint.close();
    expect(process.memoryUsage.rss() - before).toBeLessThan(50e6);
  });

  it("is rejected when its last byte is missing", () => {
    const path = join(folder, "cut.safetensors");
    const list = [{ name: "a", dtype: "U8" as const, shape: [2 ** 32 + 1], bytes: () => new Uint8Array(0) }];
    const header = safetensorsChunks(list).next().value as Uint8Array;
    const descriptor = openSync(path, "w");
    writeSync(descriptor, header);
    ftruncateSync(descriptor, header.length + 2 ** 32);
    closeSync(descriptor);
    expect(rejection(() => readSafetensors(fileSource(path)))).toContain(
      "truncated: the tensors take 4294967297 bytes, but 4294967296 follow the header",
    );
  });
});
