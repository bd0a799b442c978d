import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ByteSource } from "../../../src/weights/byteSource.js";
import { DTYPE_BYTES, sizeOf, type DType } from "../../../src/weights/checkpoint.js";
import { METADATA_KEY, readSafetensors } from "../../../src/weights/safetensors.js";
import { safetensorsBytes } from "../../../src/weights/safetensorsWriter.js";
import { rejectionOf } from "./damage.js";
import { countingTensor, rawFile } from "./safetensorsFile.js";

const RUNS = 12_000;
const DAMAGED = 10_000;
const BYTES_ADDED = 100e6;

const FILE = safetensorsBytes(
  [
    countingTensor("image_encoder.pos_embed", "F32", [1, 2, 2, 3]),
    countingTensor("neck.0.weight", "F16", [3, 2, 1, 1]),
    countingTensor("neck.1.bias", "BF16", [3]),
    countingTensor("steps", "I64", []),
    countingTensor("empty", "U8", [0, 4]),
    countingTensor("mask", "BOOL", [5]),
  ],
  { format: "pt", 'note "x"': "é" },
);
const HEADER_LENGTH = Number(new DataView(FILE.buffer).getBigUint64(0, true));
const DATA_LENGTH = FILE.length - 8 - HEADER_LENGTH;
const HEADER = new TextDecoder().decode(FILE.subarray(8, 8 + HEADER_LENGTH)).trimEnd();

const latin1 = new TextDecoder("latin1");

type Damage = fc.Arbitrary<Uint8Array>;

const position = fc.nat({ max: 8 + HEADER_LENGTH - 1 });

const flippedBytes: Damage = fc
  .array(fc.tuple(position, fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 })
  .map((flips) => {
    const file = FILE.slice();
    for (const [at, mask] of flips) file[at] ^= mask;
    return file;
  });

const otherLength: Damage = fc
  .oneof(
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.bigInt({ min: 0n, max: BigInt(FILE.length + 8) }),
    fc.constantFrom(2n ** 31n, 2n ** 32n, 2n ** 32n + BigInt(HEADER_LENGTH), 2n ** 53n, 100_000_000n),
  )
  .map((length) => {
    const file = FILE.slice();
    new DataView(file.buffer).setBigUint64(0, length, true);
    return file;
  });

const otherSize: Damage = fc.oneof(
  fc.nat({ max: FILE.length - 1 }).map((size) => FILE.slice(0, size)),
  fc.uint8Array({ minLength: 1, maxLength: 64 }).map((tail) => Uint8Array.of(...FILE, ...tail)),
);

const TOKENS = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\",
  "\\u0000",
  "\\ud800",
  "null",
  "-",
  "1e999",
  "0.5",
  "//",
];
const splicedText: Damage = fc
  .tuple(
    fc.nat({ max: HEADER.length }),
    fc.nat({ max: 40 }),
    fc.oneof(
      fc.constantFrom(...TOKENS),
      fc.string({ maxLength: 20 }),
      fc.constantFrom("[", "{", '{"a":', " "),
    ),
    fc.constantFrom(1, 1, 2, 5000),
  )
  .map(([at, removed, text, times]) =>
    rawFile(HEADER.slice(0, at) + text.repeat(times) + HEADER.slice(at + removed), DATA_LENGTH),
  );

const numbers = fc.oneof(
  fc.integer({ min: -8, max: 200 }),
  fc.double(),
  fc.constantFrom(2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 2 ** 64, 1e300, -0, 0.5),
);
const values = fc.oneof(
  numbers,
  fc.array(numbers, { maxLength: 5 }),
  fc.constantFrom("F32", "F16", "U8", "F8_E4M3", "f32", "", null, true),
  fc.jsonValue({ maxDepth: 2 }),
);

/** The header as pairs at both levels, so that names can be doubled, renamed and moved. */
type Members = [string, unknown][];

const changedStructure: Damage = fc
  .tuple(
    fc.nat(),
    fc.nat(),
    values,
    fc.constantFrom("field", "item", "member", "remove", "double", "rename", "drop"),
  )
  .map(([first, second, value, change]) => {
    const members: Members = Object.entries(JSON.parse(HEADER) as Record<string, unknown>);
    const at = first % members.length;
    const [name, body] = members[at];
    const fields: Members = Object.entries(body as Record<string, unknown>);
    const field = fields[second % fields.length];
    if (change === "field") field[1] = value;
    if (change === "item" && Array.isArray(field[1]))
      field[1] = field[1].map((item: unknown, i) => (i === 0 ? value : item));
    if (change === "remove") fields.splice(second % fields.length, 1);
    if (change === "double") fields.push([field[0], value]);
    members[at] = [name, objectText(fields)];
    for (const [i, member] of members.entries()) if (i !== at) member[1] = JSON.stringify(member[1]);
    if (change === "member") members[at][1] = JSON.stringify(value);
    if (change === "rename") members[at][0] = members[second % members.length][0];
    if (change === "drop") members.splice(at, 1);
    return rawFile(`{${members.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join()}}`, DATA_LENGTH);
  });

function objectText(members: Members): string {
  return `{${members.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}`;
}

const damage = fc
  .oneof(flippedBytes, otherLength, otherSize, splicedText, { arbitrary: changedStructure, weight: 3 })
  // A report shows the start of the file as text, not thousands of numbers.
  .map((file) => ({
    file,
    [fc.toStringMethod]: () => JSON.stringify(latin1.decode(file.subarray(0, 1000))),
  }));

/** What must hold of a file that was accepted, found another way: by `JSON.parse`. */
function expectValid(file: Uint8Array): void {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const text = new TextDecoder("utf-8", { fatal: true }).decode(file.subarray(8, 8 + length));
  const header = JSON.parse(text) as Record<
    string,
    { dtype: DType; shape: number[]; data_offsets: [number, number] }
  >;
  const spans: [number, number][] = [];
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === METADATA_KEY) continue;
    expect(data_offsets[1] - data_offsets[0]).toBe(sizeOf(shape) * DTYPE_BYTES[dtype]);
    spans.push(data_offsets);
  }
  spans.sort(([a, b], [c, d]) => a - c || b - d);
  let covered = 0;
  for (const [begin, end] of spans) {
    expect(begin).toBe(covered);
    covered = end;
  }
  expect(8 + length + covered).toBe(file.length);
}

describe("damaged headers", () => {
  it("start from a file that is accepted", () => {
    expect(rejectionOf(FILE, readSafetensors)).toBeUndefined();
    expect(rejectionOf(rawFile(HEADER, DATA_LENGTH), readSafetensors)).toBeUndefined();
  });

  it(`are rejected with a message, ${DAMAGED} of them, in no time and no memory`, () => {
    const idle = process.memoryUsage.rss();
    let [rejected, peak, slowest] = [0, 0, 0];
    fc.assert(
      fc.property(damage, ({ file }) => {
        const start = performance.now();
        const message = rejectionOf(file, readSafetensors);
        slowest = Math.max(slowest, performance.now() - start);
        peak = Math.max(peak, process.memoryUsage.rss());
        if (message === undefined) return expectValid(file);
        rejected++;
        expect(message).toMatch(/^damaged: ./);
        expect(message.length).toBeLessThan(1000);
      }),
      { numRuns: RUNS },
    );
    expect(rejected).toBeGreaterThanOrEqual(DAMAGED);
    expect(slowest).toBeLessThan(20_000);
    expect(peak - idle).toBeLessThan(BYTES_ADDED);
  });

  // 100 MB that are made when they are read, so that what is added is the reader's.
  it.each([
    ["white space", "{", " ", "expected a string, got the end"],
    ["an endless name", '{"', "n", "ends within a string"],
    ["an endless shape", '{"a":{"shape":[1', ",1", "more than 64 numbers"],
    ["endless nesting", "{", '"a":{', "unknown field"],
  ])("of 100 MB are rejected likewise: %s", (_, start, rest, expected) => {
    const length = 100_000_000;
    const prefix = new Uint8Array(8);
    new DataView(prefix.buffer).setBigUint64(0, BigInt(length), true);
    const first = Uint8Array.of(...prefix, ...Buffer.from(start));
    const period = Buffer.from(rest);
    const idle = process.memoryUsage.rss();
    let peak = idle;
    const source: ByteSource = {
      name: "damaged",
      size: 8 + length,
      read(offset, count) {
        peak = Math.max(peak, process.memoryUsage.rss());
        const at = (n: number) => (n < first.length ? first[n] : period[(n - first.length) % period.length]);
        return new Uint8Array(count).map((_, i) => at(offset + i));
      },
      close() {},
    };
    expect(() => readSafetensors(source)).toThrow(expected);
    expect(peak - idle).toBeLessThan(BYTES_ADDED);
  });
});
