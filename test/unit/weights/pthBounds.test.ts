import { buildSync } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { latin1, legacyPth, pth, py, pyTensor } from "./pthFile.js";

const BYTES_ADDED = 100e6;

let folder: string;

/** Opens a checkpoint in a process of its own, and says what became of it and what that took. */
const OPEN = `
  import { openCheckpointFile } from "./open.js";
  const [idle, start] = [process.memoryUsage.rss(), performance.now()];
  let message;
  try {
    const checkpoint = openCheckpointFile(process.argv[2]);
    for (const name of checkpoint.tensors.keys()) checkpoint.readBytes(name);
  } catch (error) {
    message = error.name + ": " + error.message;
  }
  const [time, peak] = [performance.now() - start, process.resourceUsage().maxRSS * 1024];
  console.log(JSON.stringify({ message, time, added: peak - idle }));`;

interface Opened {
  readonly message?: string;
  /** In milliseconds. */
  readonly time: number;
  /** Bytes beyond those of the idle process. */
  readonly added: number;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bounds-"));
  const entry = fileURLToPath(new URL("../../../src/weights/open.node.ts", import.meta.url));
  buildSync({
    entryPoints: [entry],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: join(folder, "open.js"),
  });
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder, "main.js"), OPEN);
});
afterAll(() => rmSync(folder, { recursive: true }));

function open(file: Uint8Array): Opened {
  const path = join(folder, "x.pth");
  writeFileSync(path, file);
  const { stdout, stderr } = spawnSync(process.execPath, [join(folder, "main.js"), path], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Opened;
}

function little(value: number, bytes: 2 | 4 | 8): string {
  return Array.from({ length: bytes }, (_, n) =>
    String.fromCharCode(n < 4 ? (value >>> (8 * n)) & 255 : 0),
  ).join("");
}

/** A directory of members without names, all at the same place, in the form that has room for many. */
function members(count: number): Uint8Array {
  const entries = `PK\x01\x02${"\0".repeat(42)}`.repeat(count);
  const wide = little(count, 8) + little(count, 8) + little(entries.length, 8) + little(0, 8);
  const locator = `PK\x06\x07${little(0, 4)}${little(entries.length, 8)}${little(1, 4)}`;
  return latin1(
    `${entries}PK\x06\x06${little(44, 8)}${"\0".repeat(12)}${wide}${locator}` +
      `PK\x05\x06${"\0".repeat(4)}${"\xff".repeat(12)}\0\0`,
  );
}

/** A state dict that holds one tensor under many names. */
function tensors(count: number): Uint8Array {
  const names = Array.from({ length: count }, (_, n) => `${py.str(String(n))}h\x02s`).join("");
  return pth(`${pyTensor()}q\x020}${names}`, { 0: new Uint8Array(24) });
}

/** A state dict of the old format, each of whose tensors has a storage of its own. */
function oldStorages(count: number): Uint8Array {
  const keys = Array.from({ length: count }, (_, n) => String(n));
  const rebuild = py.global("torch._utils", "_rebuild_tensor_v2");
  const [storage, float] = [py.str("storage"), py.global("torch", "FloatStorage")];
  const tensors = keys.map((key) => {
    const id = `(${storage}h\x01${py.str(key)}${py.none}K\x01tQ`;
    return `${py.str(key)}h\x02(${id}K\x00))tRs`;
  });
  const pickle = `${float}q\x010${rebuild}q\x020}${tensors.join("")}`;
  return legacyPth(pickle, Object.fromEntries(keys.map((key) => [key, new Uint8Array(4)])));
}

describe("a .pth file of as many things as can be", () => {
  it.each<[string, () => Uint8Array, string | undefined]>([
    ["members", () => members(86_000), "reaches beyond"],
    ["bytes of a directory", () => members(350_000), "its directory takes"],
    ["marks", () => pth("(".repeat(7.9e6)), "opcodes"],
    ["dictionaries", () => pth("}".repeat(7.9e6)), "opcodes"],
    ["lists", () => pth("]".repeat(7.9e6)), "opcodes"],
    ["tuples in tuples", () => pth(`)${"\x85".repeat(7.9e6)}`), "opcodes"],
    ["pairs of themselves", () => pth(`)${"2\x86".repeat(3e6)}`), "opcodes"],
    ["lists that hold themselves", () => pth(`]${"2a".repeat(3e6)}`), "opcodes"],
    ["stored values", () => pth(`)${"\x94)".repeat(3e6)}`), "opcodes"],
    ["strings", () => pth(py.str("n".repeat(35)).repeat(140_000)), "no state dict"],
    ["bytes of a string", () => pth(py.str("n".repeat(7.9e6))), "no state dict"],
    ["bytes of a name", () => pth(`c${"n".repeat(7.9e6)}\nx\n`), "no state dict"],
    ["bytes of numbers", () => pth(`\x8a\x10${"\x01".repeat(16)}`.repeat(440_000)), "opcodes"],
    ["bytes of a pickle", () => pth(py.str("n".repeat(9e6))), "its pickle takes"],
    ["tensors", () => tensors(49_000), undefined],
    ["objects", () => pth(`${py.global("a", "b")}q\x02`.concat("h\x02)\x81".repeat(1.9e6))), "opcodes"],
    ["storages of the old format", () => oldStorages(8_000), undefined],
    [
      "bytes of a pickle of the old format",
      () => legacyPth(py.str("n".repeat(9e6))),
      "its pickle is damaged",
    ],
  ])("takes little time and memory: %s", (_, make, expected) => {
    const { message, time, added } = open(make());
    if (expected === undefined) expect(message).toBeUndefined();
    else expect(message).toMatch(new RegExp(`^CheckpointError: .*x\\.pth: .*${expected}`));
    // Far above what a busy machine takes, far below what a hang does.
    expect(time).toBeLessThan(30_000);
    expect(added).toBeGreaterThan(0);
    expect(added).toBeLessThan(BYTES_ADDED);
  });
});
