import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "fflate";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bytesSource, type ByteSource } from "../../../src/weights/byteSource.js";
import { hashFile, openCheckpointFile } from "../../../src/weights/open.node.js";
import { openCheckpoint } from "../../../src/weights/open.js";
import { safetensorsBytes } from "../../../src/weights/safetensorsWriter.js";
import { fixture, latin1 } from "./pthFile.js";
import { countingTensor, rejection } from "./safetensorsFile.js";

const SAFETENSORS = safetensorsBytes([countingTensor("a", "F32", [2])]);

describe("what a file holds, not its name, says how it is read", () => {
  it("as safetensors", () => {
    expect([...openCheckpoint(bytesSource(SAFETENSORS, "x.pth")).tensors.keys()]).toEqual(["a"]);
  });

  it("as an archive of torch.save", () => {
    expect(openCheckpoint(bytesSource(fixture("plain"), "x.safetensors")).tensors.size).toBe(6);
  });

  it("as what torch.save wrote before PyTorch 1.6", () => {
    expect(openCheckpoint(bytesSource(fixture("legacy"), "x.safetensors")).tensors.size).toBe(6);
  });

  it("as safetensors too where the header's length happens to begin as an archive does", () => {
    const length = 0x4b50; // "PK"
    const note = "n".repeat(length - safetensorsBytes([], { note: "" }).length + 8);
    const file = safetensorsBytes([], { note });
    expect(String.fromCharCode(file[0], file[1])).toBe("PK");
    expect(openCheckpoint(bytesSource(file)).metadata).toEqual({ note });
  });

  it.each([
    ["nothing", new Uint8Array(0), "the file is empty"],
    ["a page", latin1("\n<!DOCTYPE html><html>404</html>"), "it is a web page; download the file itself"],
    ["a page without a type", latin1("<html><body>"), "web page"],
    ["an error of a store", latin1('<?xml version="1.0"?><Error>'), "web page"],
    ["a pointer", latin1("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n"), "git lfs pull"],
    ["gzip", gzipSync(SAFETENSORS), "compressed with gzip; unpack it first"],
    ["a pickle", latin1("\x80\x02}q\x01."), "is a pickle that torch.save did not write"],
    ["a configuration", latin1('{"model_type": "sam"}'), "it is JSON"],
    ["a picture", latin1("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "expected safetensors, or what torch.save writes"],
    ["a byte", Uint8Array.of(0), "expected safetensors, or what torch.save writes"],
    ["an empty archive", latin1(`PK\x05\x06${"\0".repeat(18)}`), "no data.pkl"],
    ["half an archive", fixture("plain").subarray(0, 1000), "a download may have been cut off"],
    [
      "half a file of PyTorch before 1.6",
      fixture("legacy").subarray(0, 3200),
      "a download may have been cut off",
    ],
    ["half of safetensors", SAFETENSORS.subarray(0, -1), "truncated"],
  ])("and %s is refused as such, and closed", (_, bytes, expected) => {
    let closed = 0;
    const source: ByteSource = { ...bytesSource(bytes, "x.pth"), close: () => void closed++ };
    const message = rejection(() => openCheckpoint(source));
    expect(message).toMatch(/^x\.pth: /);
    expect(message).toContain(expected);
    expect(closed).toBe(1);
  });
});

describe("a path", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "open-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const write = (name: string, bytes: string | Uint8Array) => writeFileSync(join(folder, name), bytes);

  it("of a file opens it and says its name", () => {
    write("a.pth", fixture("plain"));
    const checkpoint = openCheckpointFile(join(folder, "a.pth"));
    expect(checkpoint.source).toBe(join(folder, "a.pth"));
    expect(checkpoint.readBytes("lin.bias")).toHaveLength(12);
    checkpoint.close();
  });

  it("of nothing is refused", () => {
    const path = join(folder, "none.pth");
    expect(rejection(() => openCheckpointFile(path))).toContain(`${path}: no such file; expected`);
  });

  it("inside of a file is refused", () => {
    write("a.pth", "");
    expect(rejection(() => openCheckpointFile(join(folder, "a.pth", "b.pth")))).toMatch(
      /no such file|cannot be read/,
    );
  });

  const shard = (name: string) => safetensorsBytes([countingTensor(name, "F32", [2])]);
  const index = (files: Readonly<Record<string, string>>) => JSON.stringify({ weight_map: files });

  it("of an index opens the files beside it, and that of their folder too", () => {
    write("model-1.safetensors", shard("a"));
    write("model-2.safetensors", shard("b"));
    write("model.safetensors.index.json", index({ a: "model-1.safetensors", b: "model-2.safetensors" }));
    for (const path of [join(folder, "model.safetensors.index.json"), folder]) {
      const checkpoint = openCheckpointFile(path);
      expect([...checkpoint.tensors.keys()]).toEqual(["a", "b"]);
      expect(checkpoint.readBytes("b")).toHaveLength(8);
      checkpoint.close();
    }
  });

  it("of an index that names a file outside of its folder is refused", () => {
    write("model.safetensors.index.json", index({ a: "../model.safetensors" }));
    expect(rejection(() => openCheckpointFile(folder))).toContain("../model.safetensors");
  });

  it("of a folder opens its one checkpoint, and is refused when there is none, or two", () => {
    expect(rejection(() => openCheckpointFile(folder))).toContain(
      "is a folder with no checkpoint; name the file",
    );
    mkdirSync(join(folder, "inner"));
    write("config.json", "{}");
    write("a.pth", fixture("plain"));
    const checkpoint = openCheckpointFile(folder);
    expect(checkpoint.tensors.size).toBe(6);
    checkpoint.close();
    write("b.safetensors", SAFETENSORS);
    expect(rejection(() => openCheckpointFile(folder))).toContain("is a folder with a.pth, b.safetensors");
  });

  it("has a hash, which for a folder is that of its checkpoint", async () => {
    write("a.pth", fixture("plain"));
    const expected = createHash("sha256")
      .update(readFileSync(join(folder, "a.pth")))
      .digest("hex");
    expect(await hashFile(join(folder, "a.pth"))).toBe(expected);
    expect(await hashFile(folder)).toBe(expected);
  });
});
