import { unzipSync, zipSync } from "fflate";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { DType } from "../../../src/weights/checkpoint.js";

/** Files of `torch.save`; see tools/convert/make_pth_fixtures.py. */
export const FIXTURES = fileURLToPath(new URL("fixtures/", import.meta.url));

export interface ExpectedTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Its bytes, contiguous and little-endian, in hexadecimal digits. */
  readonly hex: string;
}

/** What PyTorch finds in the files that must be read: by file, by tensor. */
export const EXPECTED = JSON.parse(readFileSync(`${FIXTURES}expected.json`, "utf8")) as Readonly<
  Record<string, Readonly<Record<string, ExpectedTensor>>>
>;

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(`${FIXTURES}${name}.pth`));
}

/** Members of an archive by the name behind its folder. Undefined takes one out. */
export type Members = Record<string, Uint8Array | undefined>;

export function membersOf(file: Uint8Array): Members {
  const members = Object.entries(unzipSync(file));
  return Object.fromEntries(members.map(([name, bytes]) => [name.slice(name.indexOf("/") + 1), bytes]));
}

/** An archive of these members, stored as PyTorch stores them. */
export function archiveOf(members: Members): Uint8Array {
  const named = Object.entries(members).flatMap(([name, bytes]) =>
    bytes === undefined ? [] : [[`archive/${name}`, bytes] as const],
  );
  return zipSync(Object.fromEntries(named), { level: 0 });
}

/** An archive of a pickle and storages, by their keys. */
export function pth(pickle: string, storages: Readonly<Record<string, Uint8Array>> = {}): Uint8Array {
  const data = Object.entries(storages).map(([key, bytes]) => [`data/${key}`, bytes] as const);
  return archiveOf({ "data.pkl": latin1(`\x80\x02${pickle}.`), ...Object.fromEntries(data) });
}

/** The same in PyTorch's format before 1.6. */
export function legacyPth(
  pickle: string,
  storages: Readonly<Record<string, Uint8Array>> = {},
  {
    magic = LEGACY_MAGIC,
    version = py.int(1001),
    keys = Object.keys(storages).map(py.str),
    itemBytes = 4,
  } = {},
): Uint8Array {
  const pickles = [magic, version, py.dict(), pickle, py.list(...keys)];
  const values = Object.values(storages).flatMap((bytes) => {
    const count = BigInt(Math.ceil(bytes.length / itemBytes));
    return [new Uint8Array(BigInt64Array.of(count).buffer), bytes];
  });
  return new Uint8Array(
    Buffer.concat([latin1(pickles.map((each) => `\x80\x02${each}.`).join("")), ...values]),
  );
}

/** The number that a file of PyTorch before 1.6 begins with. */
const LEGACY_MAGIC = "\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19";

/** One byte for each character. */
export function latin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

function number(value: number): string {
  return String.fromCharCode(...new Uint8Array(Int32Array.of(value).buffer));
}

/** Pieces of a pickle, each of which leaves one value on the stack. */
export const py = {
  int: (value: number) => `J${number(value)}`,
  /** Up to 8 bytes. */
  long: (value: bigint) =>
    `\x8a\x08${String.fromCharCode(...new Uint8Array(BigInt64Array.of(value).buffer))}`,
  str: (text: string) => `X${number(text.length)}${text}`,
  tuple: (...items: readonly string[]) => `(${items.join("")}t`,
  list: (...items: readonly string[]) => `](${items.join("")}e`,
  dict: (...pairs: readonly (readonly [key: string, value: string])[]) => `}(${pairs.flat().join("")}u`,
  global: (module: string, name: string) => `c${module}\n${name}\n`,
  call: (callable: string, ...args: readonly string[]) => `${callable}${py.tuple(...args)}R`,
  none: "N",
  false: "\x89",
};

export interface TensorParts {
  readonly kind?: string;
  readonly key?: string;
  readonly count?: string;
  /** Of which part of another storage it is; by default nothing is said of one. */
  readonly part?: string;
  readonly offset?: string;
  readonly shape?: string;
  readonly strides?: string;
}

/** A storage as pickles hold one: by default 6 floats under the key 0. */
export function pyStorage({
  kind = "FloatStorage",
  key = py.str("0"),
  count = py.int(6),
  part,
}: TensorParts = {}): string {
  const id = [py.str("storage"), py.global("torch", kind), key, py.str("cuda:0"), count];
  return `${py.tuple(...id, ...(part === undefined ? [] : [part]))}Q`;
}

/** A tensor, by default all of that storage as [2, 3]. */
export function pyTensor(parts: TensorParts = {}): string {
  const {
    offset = py.int(0),
    shape = py.tuple(py.int(2), py.int(3)),
    strides = py.tuple(py.int(3), py.int(1)),
  } = parts;
  const hooks = py.call(py.global("collections", "OrderedDict"));
  const rebuild = py.global("torch._utils", "_rebuild_tensor_v2");
  return py.call(rebuild, pyStorage(parts), offset, shape, strides, py.false, hooks);
}
