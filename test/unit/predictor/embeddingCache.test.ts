import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { DiskEmbeddingCache } from "../../../src/predictor/embeddingCache.node.js";

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "medsam-cache-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const values = (first: number) => Float32Array.from({ length: 64 }, (_, i) => first + i / 3);
/** Of one entry's file. */
const SIZE = 32 + 4 * 64;

test("gives back what was stored, also to another process", async () => {
  const folder = temporaryFolder();
  const cache = await DiskEmbeddingCache.open(folder, 10 * SIZE);
  await cache.set("a", values(1));
  await cache.set("b", values(2).subarray(3));
  for (const reader of [cache, await DiskEmbeddingCache.open(folder, 10 * SIZE)]) {
    expect(await reader.get("a")).toEqual(values(1));
    expect(await reader.get("b")).toEqual(values(2).subarray(3));
    expect(await reader.get("c")).toBeUndefined();
  }
});

test("what the disk does not take is not kept, and no error", async () => {
  const folder = temporaryFolder();
  const cache = await DiskEmbeddingCache.open(folder, 10 * SIZE);
  await cache.set("a", values(1));
  const [name] = readdirSync(folder);
  rmSync(join(folder, name));
  mkdirSync(join(folder, name, "in the way"), { recursive: true });
  await cache.set("a", values(1));
  expect(await cache.get("a")).toBeUndefined();
  expect(readdirSync(folder)).toEqual([name]);
});

test("a damaged or cut off entry is a miss, and can be stored again", async () => {
  const folder = temporaryFolder();
  const cache = await DiskEmbeddingCache.open(folder, 10 * SIZE);
  await cache.set("a", values(1));
  const [name] = readdirSync(folder);
  const path = join(folder, name);
  const whole = readFileSync(path);
  for (const at of [0, 31, 32, 200]) {
    const bad = Buffer.from(whole);
    bad[at] ^= 1;
    writeFileSync(path, bad);
    expect(await cache.get("a")).toBeUndefined();
  }
  writeFileSync(path, whole);
  for (const length of [SIZE - 4, 40, 32, 5, 0]) {
    truncateSync(path, length);
    expect(await cache.get("a")).toBeUndefined();
  }
  await cache.set("a", values(5));
  expect(await cache.get("a")).toEqual(values(5));
});

test("never takes more than its bytes: what is in use stays, the oldest other goes", async () => {
  const folder = temporaryFolder();
  const before = await DiskEmbeddingCache.open(folder, 3 * SIZE);
  for (const [index, key] of ["old", "older", "kept"].entries()) {
    await before.set(key, values(index));
    const newest = readdirSync(folder).find(
      (name) => Date.now() - statSync(join(folder, name)).mtimeMs < 60_000,
    );
    const age = { old: 200, older: 300, kept: 100 }[key] ?? 0;
    utimesSync(join(folder, newest!), Date.now() / 1000 - age, Date.now() / 1000 - age);
  }
  await before.set("too much", values(9));
  expect(await before.get("too much")).toBeUndefined();

  const cache = await DiskEmbeddingCache.open(folder, 3 * SIZE);
  expect(await cache.get("kept")).toEqual(values(2));
  await cache.set("new", values(3));
  expect(await cache.get("older")).toBeUndefined();
  await cache.set("newer", values(4));
  await cache.set("newest", values(5));
  expect(await cache.get("newest")).toBeUndefined();
  for (const key of ["kept", "new", "newer"]) expect(await cache.get(key)).toBeDefined();
  expect(readdirSync(folder)).toHaveLength(3);
});

test("what a killed process left behind is removed when it is old", async () => {
  const folder = temporaryFolder();
  const left = ["x.embedding.1.tmp", "y.embedding.2.tmp"].map((name) => join(folder, name));
  left.forEach((path) => writeFileSync(path, "half"));
  utimesSync(left[0], Date.now() / 1000 - 7200, Date.now() / 1000 - 7200);
  await DiskEmbeddingCache.open(folder, SIZE);
  expect(readdirSync(folder)).toEqual(["y.embedding.2.tmp"]);
});
