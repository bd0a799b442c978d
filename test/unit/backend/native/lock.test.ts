import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { takeLock } from "../../../../src/backend/native/lock.node.js";
import { NativeError } from "../../../../src/backend/native/nativeError.js";

const folder = mkdtempSync(join(tmpdir(), "medsam-lock-"));
const lock = join(folder, "deep", "install.lock");
let other: ChildProcess | undefined;
afterEach(() => {
  other?.kill();
  rmSync(dirname(lock), { recursive: true, force: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function startOther(): number {
  other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  return Number(other.pid);
}

test("is one's until it is given back, and leaves nothing", () => {
  const unlock = takeLock(lock);
  expect(readdirSync(dirname(lock))).toEqual(["install.lock"]);
  expect(() => takeLock(lock)).toThrow(`another install is running (process ${process.pid})`);
  unlock();
  expect(readdirSync(dirname(lock))).toEqual([]);
  takeLock(lock)();
});

test("of a process that runs is respected, and the message says how to go on", () => {
  takeLock(lock)();
  const pid = startOther();
  writeFileSync(lock, String(pid));
  expect(() => takeLock(lock)).toThrow(NativeError);
  expect(() => takeLock(lock)).toThrow(
    `(process ${pid}); wait for it, then try again. If there is none, delete ${lock}`,
  );
  expect(readdirSync(dirname(lock))).toEqual(["install.lock"]);
});

test.each(["999999999", "", "nonsense", "-1", String(process.pid)])(
  "that %j left is taken over",
  (content) => {
    takeLock(lock)();
    writeFileSync(lock, content);
    const unlock = takeLock(lock);
    expect(readdirSync(dirname(lock))).toEqual(["install.lock"]);
    unlock();
    expect(existsSync(lock)).toBe(false);
  },
);

test("where nothing can be written is one line with the next step", () => {
  writeFileSync(join(folder, "file"), "");
  expect(() => takeLock(join(folder, "file", "install.lock"))).toThrow(
    /cannot be written: .*; set MEDSAM_HOME/,
  );
});
