import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DTYPE_BYTES, sizeOf } from "../../../src/weights/checkpoint.js";
import { readPth } from "../../../src/weights/pth.js";
import { collectGarbage, rejectionOf, strictSource } from "./damage.js";
import {
  archiveOf,
  fixture,
  latin1,
  legacyPth,
  membersOf,
  pth,
  py,
  pyTensor,
  type Members,
} from "./pthFile.js";

const BYTES_ADDED = 100e6;

const ARCHIVES = [
  ...["plain", "training", "distributed", "views", "dtypes", "protocol4", "parameters"],
  "other_classes",
].map(fixture);
const OLD = ["legacy", "legacy_dtypes", "legacy_views", "legacy_other_classes"].map(fixture);

/** Where the storages of a file of PyTorch before 1.6 begin, each with a number of 8 bytes. */
function storagesOf(file: Uint8Array): number[] {
  const counts: number[] = [];
  const source = strictSource(file);
  readPth({
    ...source,
    read(offset, length) {
      if (length === 8) counts.push(offset);
      return source.read(offset, length);
    },
  });
  return counts;
}

/** Bytes of such a file that are no values: the pickles, and the numbers. */
function oldHeaderBytes(file: Uint8Array): number[] {
  const storages = storagesOf(file);
  const numbers = storages.flatMap((at) => Array.from({ length: 8 }, (_, n) => at + n));
  return [...Array(storages[0]).keys(), ...numbers];
}

/** Bytes of an archive that are headers: all but the storages' content and its padding. */
function headerBytes(file: Uint8Array): number[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const positions: number[] = [];
  const end = file.length - 22;
  const directory = view.getUint32(end + 16, true);
  for (let at = directory; at < file.length; at++) positions.push(at);
  for (let at = directory; at < end && view.getUint32(at, true) === 0x02014b50;) {
    const nameBytes = view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(file.subarray(at + 46, at + 46 + nameBytes));
    const local = view.getUint32(at + 42, true);
    const content = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    for (let n = 0; n < 30; n++) positions.push(local + n);
    if (name.endsWith("data.pkl"))
      for (let n = 0; n < view.getUint32(at + 24, true); n++) positions.push(content + n);
    at += 46 + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return positions;
}

const HEADERS = new Map([
  ...ARCHIVES.map((file) => [file, headerBytes(file)] as const),
  ...OLD.map((file) => [file, oldHeaderBytes(file)] as const),
]);

type Damage = fc.Arbitrary<Uint8Array>;
type AnyFile = fc.Arbitrary<Uint8Array>;
const anyArchive = fc.constantFrom(...ARCHIVES);
const anyOld = fc.constantFrom(...OLD);
const pick = <T>(items: readonly T[], n: number): T => items[n % items.length];

const flippedBytes = (anyFile: AnyFile): Damage =>
  fc
    .tuple(
      anyFile,
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }),
    )
    .map(([original, flips]) => {
      const file = original.slice();
      for (const [n, mask] of flips) file[pick(HEADERS.get(original) ?? [], n)] ^= mask;
      return file;
    });

/** A number of 16, 32 or 64 bits somewhere in the headers becomes one that hurts. */
const otherNumber = (anyFile: AnyFile): Damage =>
  fc
    .tuple(
      anyFile,
      fc.nat(),
      fc.constantFrom(2, 4, 8),
      fc.constantFrom(
        0n,
        1n,
        45n,
        2n ** 15n,
        2n ** 16n - 1n,
        2n ** 31n,
        2n ** 32n - 1n,
        2n ** 53n,
        2n ** 64n - 1n,
      ),
    )
    .map(([original, n, bytes, number]) => {
      const file = original.slice();
      const at = Math.min(pick(HEADERS.get(original) ?? [], n), file.length - bytes);
      for (let byte = 0; byte < bytes; byte++) file[at + byte] = Number((number >> BigInt(8 * byte)) & 0xffn);
      return file;
    });

const otherSize = (anyFile: AnyFile): Damage =>
  fc.oneof(
    fc.tuple(anyFile, fc.nat()).map(([file, size]) => file.slice(0, size % file.length)),
    fc
      .tuple(anyFile, fc.uint8Array({ minLength: 1, maxLength: 64 }))
      .map(([file, tail]) => Uint8Array.of(...file, ...tail)),
  );

const OPCODES = [
  ..."(012NKMJGX)t]}aesuqrhjcRbQC.\x80\x81\x85\x86\x87\x88\x89\x8a\x8c\x8d\x8f\x90\x91\x92\x93\x94\x95",
];

/** Puts something else in the place of a piece. */
const splice: fc.Arbitrary<(bytes: Uint8Array) => Uint8Array> = fc
  .tuple(
    fc.nat(),
    fc.nat({ max: 12 }),
    fc.oneof(
      fc.constantFrom(...OPCODES),
      fc.array(fc.constantFrom(...OPCODES), { maxLength: 8 }).map((list) => list.join("")),
      fc.uint8Array({ maxLength: 8 }).map((bytes) => String.fromCharCode(...bytes)),
    ),
    fc.constantFrom(1, 1, 1, 500),
  )
  .map(([position, removed, text, times]) => (bytes) => {
    const at = position % bytes.length;
    return Uint8Array.of(
      ...bytes.subarray(0, at),
      ...latin1(text.repeat(times)),
      ...bytes.subarray(at + removed),
    );
  });

/** The pickle with a piece replaced, and the archive otherwise whole. */
const splicedPickle: Damage = fc.tuple(anyArchive, splice).map(([original, change]) => {
  const members = membersOf(original);
  members["data.pkl"] = change(members["data.pkl"] ?? new Uint8Array(0));
  return archiveOf(members);
});

/** The pickles with a piece replaced, and the storages behind them whole. */
const splicedPickles: Damage = fc.tuple(anyOld, splice).map(([original, change]) => {
  const end = storagesOf(original)[0];
  return Uint8Array.of(...change(original.subarray(0, end)), ...original.subarray(end));
});

/** Any value of a pickle, right or wrong. */
const value: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.integer({ min: -3, max: 12 }).map(py.int),
    fc.constantFrom(2n ** 31n, 2n ** 40n, 2n ** 53n, 2n ** 62n, -1n).map(py.long),
    fc.constantFrom("0", "1", "storage", "a", "../0", "constructor", "__proto__").map(py.str),
    fc.constantFrom(
      py.none,
      py.false,
      "G\x7f\xf8\0\0\0\0\0\0",
      pyTensor(),
      py.global("torch", "FloatStorage"),
    ),
    fc.array(tie("value"), { maxLength: 4 }).map((items) => py.tuple(...items)),
    fc.array(tie("value"), { maxLength: 4 }).map((items) => py.list(...items)),
    fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 3 }).map((pairs) => py.dict(...pairs)),
  ),
})).value;

const sides = fc
  .array(fc.oneof(fc.integer({ min: -1, max: 7 }).map(py.int), value), { maxLength: 4 })
  .map((items) => py.tuple(...items));

/** A pickle of the right form whose parts are wrong. */
const wrongParts = (write: typeof pth): Damage =>
  fc
    .record(
      {
        kind: fc.constantFrom(
          "FloatStorage",
          "HalfStorage",
          "DoubleStorage",
          "BoolStorage",
          "load",
          "QInt8Storage",
        ),
        key: fc.oneof(fc.constantFrom("0", "1").map(py.str), value),
        count: fc.oneof(fc.integer({ min: 5, max: 7 }).map(py.int), value),
        offset: fc.oneof(fc.integer({ min: 0, max: 7 }).map(py.int), value),
        shape: fc.oneof(sides, value),
        strides: fc.oneof(sides, value),
      },
      { requiredKeys: [] },
    )
    .map((parts) => write(py.dict([py.str("a"), pyTensor(parts)]), { 0: new Uint8Array(24) }));

const anyCall = (write: typeof pth): Damage =>
  fc
    .tuple(
      fc.constantFrom(
        ["torch._utils", "_rebuild_tensor_v2"],
        ["torch._utils", "_rebuild_parameter"],
        ["collections", "OrderedDict"],
        ["torch", "Size"],
        ["torch", "FloatStorage"],
        ["builtins", "exec"],
      ),
      fc.array(value, { maxLength: 5 }),
    )
    .map(([[module, name], args]) =>
      write(py.dict([py.str("a"), py.call(py.global(module, name), ...args)]), { 0: new Uint8Array(24) }),
    );

/** Members taken out, doubled in size, cut, or put under another name. */
const otherMembers: Damage = fc
  .tuple(anyArchive, fc.nat(), fc.nat(), fc.constantFrom("remove", "cut", "grow", "swap"))
  .map(([original, first, second, change]) => {
    const members: Members = membersOf(original);
    const names = Object.keys(members);
    const [name, other] = [pick(names, first), pick(names, second)];
    const bytes = members[name] ?? new Uint8Array(0);
    if (change === "remove") members[name] = undefined;
    if (change === "cut") members[name] = bytes.subarray(0, Math.floor(bytes.length / 2));
    if (change === "grow") members[name] = Uint8Array.of(...bytes, ...bytes, 0);
    if (change === "swap") [members[name], members[other]] = [members[other], members[name]];
    return archiveOf(members);
  });

const weighted = (arbitrary: Damage) => ({ arbitrary, weight: 2 });
const archives = fc.oneof(
  weighted(flippedBytes(anyArchive)),
  otherNumber(anyArchive),
  otherSize(anyArchive),
  weighted(splicedPickle),
  weighted(wrongParts(pth)),
  anyCall(pth),
  otherMembers,
);
const oldFiles = fc.oneof(
  weighted(flippedBytes(anyOld)),
  otherNumber(anyOld),
  otherSize(anyOld),
  weighted(splicedPickles),
  weighted(wrongParts(legacyPth)),
  anyCall(legacyPth),
);

/** A report shows the file as text that can be pasted, not thousands of numbers. */
const reported = (damage: Damage) =>
  damage.map((file) => ({ file, [fc.toStringMethod]: () => Buffer.from(file).toString("base64") }));

/** What must hold of a file that was accepted. */
function expectValid(file: Uint8Array): void {
  const checkpoint = readPth(strictSource(file));
  for (const [name, { dtype, shape }] of checkpoint.tensors) {
    const bytes = sizeOf(shape) * DTYPE_BYTES[dtype];
    expect(bytes).toBeLessThanOrEqual(file.length);
    expect(checkpoint.readBytes(name)).toHaveLength(bytes);
  }
}

describe.each([
  { format: "archives", files: ARCHIVES, damage: archives, runs: 14_000, least: 10_000 },
  { format: "files of PyTorch before 1.6", files: OLD, damage: oldFiles, runs: 4000, least: 3000 },
])("damaged $format", ({ files, damage, runs, least }) => {
  it("start from files that are accepted", () => {
    for (const file of files) expect(rejectionOf(file, readPth)).toBeUndefined();
  });

  it(`are rejected with a message, ${least} of them, in no time and no memory`, () => {
    const idle = process.memoryUsage.rss();
    let [rejected, peak, slowest] = [0, 0, 0];
    fc.assert(
      fc.property(reported(damage), ({ file }) => {
        if (rejected % 1000 === 0) collectGarbage();
        const start = performance.now();
        const message = rejectionOf(file, readPth);
        slowest = Math.max(slowest, performance.now() - start);
        peak = Math.max(peak, process.memoryUsage.rss());
        if (message === undefined) return expectValid(file);
        rejected++;
        expect(message).toMatch(/^damaged: ./);
        expect(message.length).toBeLessThan(1000);
      }),
      { numRuns: runs },
    );
    expect(rejected).toBeGreaterThanOrEqual(least);
    expect(slowest).toBeLessThan(20_000);
    expect(peak - idle).toBeLessThan(BYTES_ADDED);
  });
});

it("archives that the tests put together are accepted", () => {
  for (const file of ARCHIVES) expect(rejectionOf(archiveOf(membersOf(file)), readPth)).toBeUndefined();
});
