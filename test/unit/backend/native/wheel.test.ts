import fc from "fast-check";
import { strToU8, zipSync } from "fflate";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { NativeError } from "../../../../src/backend/native/nativeError.js";
import { sha256Of, unpackWheel } from "../../../../src/backend/native/wheel.node.js";

const folder = mkdtempSync(join(tmpdir(), "medsam-wheel-"));
const file = join(folder, "some.whl");
const target = join(folder, "target");
beforeEach(() => {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const all = { wanted: () => true };
const program = { os: 3, attrs: 0o100755 << 16 };
const WHEEL = zipSync({
  "tensorflow/lib.so.2": new Uint8Array(300_000).map((_, n) => n * n),
  "nvidia/bin/ptxas": [strToU8("#!/bin/sh"), program],
  "tensorflow/other.py": strToU8("print()"),
});

test("takes what is wanted, as it is, and tells how far it is", async () => {
  writeFileSync(file, WHEEL);
  const shares: number[] = [];
  await unpackWheel(file, target, {
    wanted: (name) => !name.endsWith(".py"),
    onProgress: (share) => shares.push(share),
  });
  expect(readdirSync(target, { recursive: true }).sort()).toEqual([
    "nvidia",
    "nvidia/bin",
    "nvidia/bin/ptxas",
    "tensorflow",
    "tensorflow/lib.so.2",
  ]);
  const library = readFileSync(join(target, "tensorflow", "lib.so.2"));
  expect([library.length, library[1000]]).toEqual([300_000, 1_000_000 % 256]);
  expect(statSync(join(target, "nvidia", "bin", "ptxas")).mode & 0o111).toBe(0o111);
  expect(statSync(join(target, "tensorflow", "lib.so.2")).mode & 0o111).toBe(0);
  expect(shares).toEqual([...shares].sort((a, b) => a - b));
  expect(shares.at(-1)).toBe(1);
});

test.each(["../escape", "/escape", "a/../../escape"])("refuses the name %s", async (name) => {
  writeFileSync(file, zipSync({ [name]: strToU8("x") }));
  await expect(unpackWheel(file, target, all)).rejects.toThrow(NativeError);
  expect(existsSync(join(folder, "escape"))).toBe(false);
});

test("says of a wheel cut anywhere that it is damaged", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: WHEEL.length - 1 }), async (length) => {
      writeFileSync(file, WHEEL.subarray(0, length));
      const error: unknown = await unpackWheel(file, target, all).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(NativeError);
      expect((error as Error).message).toContain("some.whl is damaged or no wheel");
    }),
    { numRuns: 50 },
  );
});

test("stops when it is told to", async () => {
  writeFileSync(file, WHEEL);
  const stop = new AbortController();
  const running = unpackWheel(file, target, {
    ...all,
    signal: stop.signal,
    onProgress: () => stop.abort(new Error("interrupted")),
  });
  await expect(running).rejects.toThrow("interrupted");
});

test("keeps a full disk's error", async () => {
  const small = join(target, "small");
  mkdirSync(small);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=100k", "none", small], { stdio: "ignore" });
  } catch {
    console.warn("wheel.test.ts: the full disk is not tried, as mounting one is not permitted here");
    return;
  }
  try {
    writeFileSync(file, WHEEL);
    await expect(unpackWheel(file, small, all)).rejects.toMatchObject({ code: "ENOSPC" });
  } finally {
    execFileSync("umount", [small]);
  }
});

test("SHA-256 of a file", async () => {
  writeFileSync(file, "abc");
  expect(await sha256Of(file)).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});
