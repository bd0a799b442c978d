import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PNG } from "pngjs";
import { expect, test } from "vitest";
import { decodeImage, decodeLabels } from "../../../src/image/decode.js";
import { writeFileAtomic } from "../../../src/image/encode.node.js";
import { encodeLabelPng, encodePng } from "../../../src/image/encode.js";
import { maskColour } from "../../../src/image/overlay.js";
import type { PixelImage } from "../../../src/image/pixels.js";

const values = (count: number, below: number) => Array.from({ length: count }, (_, i) => (i * 7919) % below);

test.each([
  ["grey, 8 bits", 1, Uint8Array.from(values(7 * 5, 256))],
  ["RGB, 8 bits", 3, Uint8Array.from(values(7 * 5 * 3, 256))],
  ["grey, 16 bits", 1, Uint16Array.from(values(7 * 5, 65536))],
  ["RGB, 16 bits", 3, Uint16Array.from(values(7 * 5 * 3, 65536))],
] as const)("%s comes back as it was", async (_, channels, data) => {
  const image: PixelImage = { width: 7, height: 5, channels, data };
  expect(await decodeImage(encodePng(image), "a.png")).toEqual(image);
});

test("16-bit samples that lie inside a larger buffer are written right", async () => {
  const data = Uint16Array.from(values(100, 65536)).subarray(30, 42);
  const image: PixelImage = { width: 4, height: 3, channels: 1, data };
  expect((await decodeImage(encodePng(image), "a.png")).data).toEqual(data.slice());
});

test("labels keep their numbers", async () => {
  const labels = { width: 2, height: 2, data: Uint16Array.of(0, 1, 300, 65535) };
  expect(await decodeLabels(encodePng(labels), "a.png")).toEqual(labels);
});

test("labels with colours keep their numbers", async () => {
  const data = Uint8Array.from(values(7 * 5, 256));
  const png = encodeLabelPng({ width: 7, height: 5, data });
  expect(await decodeLabels(png, "a.png")).toEqual({ width: 7, height: 5, data });
  const colours = (await decodeImage(png, "a.png")).data;
  expect([...colours.subarray(0, 3)]).toEqual([0, 0, 0]);
  expect([...colours.subarray(3, 6)]).toEqual([...maskColour(data[1] - 1)]);
  const wide = { width: 2, height: 1, data: Uint16Array.of(1, 256) };
  expect(await decodeLabels(encodeLabelPng(wide), "b.png")).toEqual(wide);
});

test("pngjs reads what is written", () => {
  const data = Uint8Array.of(1, 2, 3, 250, 251, 252);
  const png = PNG.sync.read(Buffer.from(encodePng({ width: 2, height: 1, channels: 3, data })));
  expect([...png.data]).toEqual([1, 2, 3, 255, 250, 251, 252, 255]);
});

test("real values are refused", () => {
  const image: PixelImage = { width: 1, height: 1, channels: 1, data: Float32Array.of(0.5) };
  expect(() => encodePng(image)).toThrow("apply an intensity preset first");
});

test("a file appears whole, in a folder that is made, and replaces an older one", async () => {
  const folder = join(mkdtempSync(join(tmpdir(), "write-")), "made");
  const path = join(folder, "a.txt");
  await writeFileAtomic(path, "first");
  await writeFileAtomic(path, Uint8Array.of(104, 105));
  expect(readFileSync(path, "utf8")).toBe("hi");
  expect(readdirSync(folder)).toEqual(["a.txt"]);
});

test("a write that fails leaves nothing behind", async () => {
  const folder = mkdtempSync(join(tmpdir(), "write-"));
  writeFileSync(join(folder, "file"), "");
  await expect(writeFileAtomic(join(folder, "file", "a.txt"), "x")).rejects.toThrow();
  await expect(writeFileAtomic(folder, "x")).rejects.toThrow();
  expect(readdirSync(folder)).toEqual(["file"]);
  expect(existsSync(`${folder}.tmp`)).toBe(false);
  expect(readdirSync(join(folder, "..")).filter((name) => name.startsWith(`${folder}.`))).toEqual([]);
});
