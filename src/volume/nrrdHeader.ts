import { filesOfPattern, HeaderLines, numbersIn } from "./textHeader.js";
import type { Storage } from "./storedValues.js";
import type { NumberKind } from "./typedBytes.js";
import type { Vector3 } from "./vector.js";
import { VolumeError } from "./volumeError.js";

/** The header of an NRRD file. @see http://teem.sourceforge.net/nrrd/format.html */
export interface NrrdHeader {
  /** Along each axis, the fastest first; as the header claims them. */
  readonly sizes: readonly number[];
  readonly kind: NumberKind;
  readonly littleEndian: boolean;
  readonly encoding: Storage["encoding"];
  readonly lineSkip: number;
  readonly byteSkip: number;
  /** What each axis is, such as `domain` or `list`, where it is said. */
  readonly kinds?: readonly string[];
  /** Millimetres from sample to sample; NaN where it is not known. */
  readonly spacings?: readonly number[];
  /** Where coordinates grow to, such as `left-posterior-superior`. */
  readonly space?: string;
  /** A step along each axis, in `space`; undefined of axes that do not lie in it. */
  readonly directions?: readonly (Vector3 | undefined)[];
  readonly origin?: Vector3;
  /** Millimetres of a unit of `space`. */
  readonly unit: number;
  /** Files that hold the values, in order; undefined where they follow the header. */
  readonly files?: readonly string[];
  /** Where the values begin in the header's own file. */
  readonly dataOffset: number;
  /** `key:=value`, such as the names of segments. */
  readonly pairs: ReadonlyMap<string, string>;
}

const KINDS: Readonly<Record<string, NumberKind>> = {
  ...{ "signed char": "int8", int8: "int8", int8_t: "int8" },
  ...{ uchar: "uint8", "unsigned char": "uint8", uint8: "uint8", uint8_t: "uint8" },
  ...{ short: "int16", "short int": "int16", "signed short": "int16", "signed short int": "int16" },
  ...{ int16: "int16", int16_t: "int16" },
  ...{ ushort: "uint16", "unsigned short": "uint16", "unsigned short int": "uint16" },
  ...{ uint16: "uint16", uint16_t: "uint16" },
  ...{ int: "int32", "signed int": "int32", int32: "int32", int32_t: "int32" },
  ...{ uint: "uint32", "unsigned int": "uint32", uint32: "uint32", uint32_t: "uint32" },
  ...{ longlong: "int64", "long long": "int64", "long long int": "int64", "signed long long": "int64" },
  ...{ "signed long long int": "int64", int64: "int64", int64_t: "int64" },
  ...{ ulonglong: "uint64", "unsigned long long": "uint64", "unsigned long long int": "uint64" },
  ...{ uint64: "uint64", uint64_t: "uint64", float: "float32", double: "float64" },
};

const ENCODINGS: Readonly<Record<string, Storage["encoding"]>> = {
  ...{ raw: "raw", gz: "gzip", gzip: "gzip", hex: "hex", txt: "ascii", text: "ascii", ascii: "ascii" },
};

/** Millimetres of units of length; others, such as "pixel", count as mm. */
const UNITS: Readonly<Record<string, number>> = { m: 1000, cm: 10, um: 0.001, µm: 0.001, nm: 1e-6 };

/** Most files that the values of one volume may lie in. */
const MOST_FILES = 2 ** 16;
/** Most axes that NRRD allows. */
const MOST_AXES = 16;

export const looksLikeNrrd = (bytes: Uint8Array): boolean =>
  /^NRRD000\d/.test(String.fromCharCode(...bytes.subarray(0, 8)));

/** Reads the header of an NRRD file. @throws VolumeError when it is damaged, or of a kind that is not read. */
export function readNrrdHeader(bytes: Uint8Array, name: string): NrrdHeader {
  const lines = new HeaderLines(bytes, name);
  if (!looksLikeNrrd(bytes))
    throw new VolumeError(`${name}: is no NRRD file; expected "NRRD" and its version in the first line`);
  lines.next();
  const fields = new Map<string, string>();
  const pairs = new Map<string, string>();
  const list: string[] = [];
  let inList = false;
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    if (line.trim() === "" && !inList) break;
    if (line.startsWith("#")) continue;
    if (inList) {
      if (line.trim() !== "") list.push(line.trim());
      continue;
    }
    const [, key, sign, value] = /^([^:]*)(:=|:)(.*)$/.exec(line) ?? [];
    if (key === undefined)
      throw new VolumeError(`${name}: has the header line "${line.slice(0, 60)}"; expected "field: value"`);
    if (sign === ":=")
      pairs.set(key.trim(), value.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c)).trim());
    else fields.set(key.replace(/[\s_-]/g, "").toLowerCase(), value.trim());
    inList = /^data ?file$/i.test(key) && /^\s*LIST\b/.test(value);
  }
  return { ...toHeader(fields, list, name), dataOffset: lines.at, pairs };
}

type Fields = ReadonlyMap<string, string>;

function toHeader(fields: Fields, list: readonly string[], name: string) {
  const required = (key: string): string => {
    const value = fields.get(key);
    if (value === undefined)
      throw new VolumeError(`${name}: has no "${key}" in its header; expected an NRRD file`);
    return value;
  };
  const one = (key: string): number => numbersIn(fields.get(key) ?? "0", key, name)[0];
  const dimension = Number(required("dimension"));
  if (!Number.isInteger(dimension) || dimension < 1 || dimension > MOST_AXES)
    throw new VolumeError(`${name}: dimension is ${required("dimension")}; expected 1 to ${MOST_AXES}`);
  const perAxis = <T>(key: string, values: readonly T[]): readonly T[] => {
    if (values.length !== dimension)
      throw new VolumeError(`${name}: ${key} has ${values.length} parts; expected ${dimension}, one an axis`);
    return values;
  };
  const kind = KINDS[required("type").toLowerCase().replace(/\s+/g, " ")];
  if (kind === undefined)
    throw new VolumeError(
      `${name}: has values of type ${required("type")}; expected integers or real numbers`,
    );
  const encoding = ENCODINGS[required("encoding").toLowerCase()];
  if (encoding === undefined)
    throw new VolumeError(
      `${name}: is encoded as ${required("encoding")}, which is not read; save it as raw or gzip (in 3D Slicer as ` +
        "NRRD, with pynrrd by encoding='gzip')",
    );
  const endian = fields.get("endian")?.toLowerCase();
  const needsEndian = !kind.endsWith("int8") && encoding !== "ascii";
  if (needsEndian && endian !== "little" && endian !== "big")
    throw new VolumeError(
      `${name}: endian is ${endian ?? "not given"}; expected little or big, the order of the bytes of ${kind}`,
    );
  const sizes = perAxis("sizes", numbersIn(required("sizes"), "sizes", name));
  const kinds = fields.get("kinds");
  const spacings = fields.get("spacings");
  const directions = fields.get("spacedirections");
  const origin = fields.get("spaceorigin");
  return {
    ...{ sizes, kind, encoding, littleEndian: endian !== "big" },
    ...{ lineSkip: one("lineskip"), byteSkip: one("byteskip") },
    ...(kinds !== undefined && { kinds: perAxis("kinds", kinds.split(/\s+/)) }),
    ...(spacings !== undefined && { spacings: perAxis("spacings", numbersIn(spacings, "spacings", name)) }),
    ...(fields.has("space") && { space: spaceName(fields.get("space")!) }),
    ...(directions !== undefined && {
      directions: perAxis("space directions", vectorsIn(directions, "space directions", name)),
    }),
    ...(origin !== undefined && { origin: vectorsIn(origin, "space origin", name)[0] }),
    unit: unitIn(fields.get("spaceunits")),
    ...filesOf(fields.get("datafile"), list, sizes, name),
  };
}

const SHORT: Readonly<Record<string, string>> = { r: "right", l: "left", a: "anterior", p: "posterior", s: "superior", i: "inferior", t: "time" }; // prettier-ignore

/** Names of spaces come in full and, such as LPS or RAST, by their first letters. */
function spaceName(text: string): string {
  const lower = text.toLowerCase();
  return /^[rl][ap][si]t?$/.test(lower) ? [...lower].map((letter) => SHORT[letter]).join("-") : lower;
}

/** `(1,0,0) none (0,1,0)`: vectors of a space, none for axes that do not lie in it. Shorter ones are filled with 0. */
function vectorsIn(text: string, field: string, name: string): (Vector3 | undefined)[] {
  const words = [...text.matchAll(/\(([^)]*)\)|none|\S+/gi)];
  return words.map(([word, inside]) => {
    if (word.toLowerCase() === "none") return undefined;
    const parts = inside === undefined ? [] : numbersIn(inside, field, name);
    if (parts.length < 1 || parts.length > 4)
      throw new VolumeError(`${name}: ${field} is "${text}"; expected (x,y,z) or none for each axis`);
    const [x, y = 0, z = 0, t = 0] = parts;
    const isTime = t !== 0 && x === 0 && y === 0 && z === 0;
    return isTime || parts.every(Number.isNaN) ? undefined : [x, y, z];
  });
}

function unitIn(text: string | undefined): number {
  const [first = "mm"] = text?.match(/[^\s"]+/) ?? [];
  return UNITS[first.toLowerCase()] ?? 1;
}

function filesOf(text: string | undefined, list: readonly string[], sizes: readonly number[], name: string) {
  if (text === undefined) return {};
  const most = Math.min(MOST_FILES, sizes.reduce((product, side) => product * side, 1)); // prettier-ignore
  if (/^LIST\b/.test(text)) return { files: list };
  const words = text.split(/\s+/);
  const isPattern = words.length >= 4 && /%0?\d*d/.test(words[0]);
  return { files: isPattern ? filesOfPattern(words, most, name) : [text] };
}
