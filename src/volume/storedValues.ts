import type { NumberArray } from "../image/pixels.js";
import { concatenate, gunzip, unzlib } from "./inflate.js";
import { bytesOf, numbersOf, typedBytes, type NumberKind } from "./typedBytes.js";
import { VolumeError } from "./volumeError.js";

/** How NRRD and MetaImage hold their values. */
export interface Storage {
  readonly kind: NumberKind;
  readonly littleEndian: boolean;
  readonly encoding: "raw" | "gzip" | "zlib" | "ascii" | "hex";
  /** Number of values, of all parts together; checked before it comes here. */
  readonly count: number;
  /** Lines before the values, of each part as it is stored. */
  readonly lineSkip?: number;
  /** Bytes before the values, of each part, after it is inflated; -1 where the values end the file. */
  readonly byteSkip?: number;
}

/** Bytes that may follow the values. */
const MAX_TRAILING = 2 ** 20;

/**
 * Values from the bytes of one file or of several, each with an equal part of them.
 *
 * @throws VolumeError when there are fewer than the header claims, or they are damaged; nothing is allocated by a claim
 *   that the bytes cannot hold.
 */
export function storedValues(parts: readonly Uint8Array[], storage: Storage, name: string): NumberArray {
  const { kind, littleEndian, encoding } = storage;
  const count = storage.count / parts.length;
  if (!Number.isInteger(count))
    throw new VolumeError(
      `${name}: has ${storage.count} values in ${parts.length} files; expected as many in each`,
    );
  if (encoding === "ascii") return textValues(parts, storage, count, name);
  const plain = parts.map((part) => plainBytes(part, storage, count * bytesOf(kind), name));
  const bytes = plain.length === 1 ? plain[0] : concatenate(plain, storage.count * bytesOf(kind));
  return typedBytes(bytes, kind, littleEndian, name);
}

/** The bytes of a part's values, so many. */
function plainBytes(part: Uint8Array, storage: Storage, size: number, name: string): Uint8Array {
  const { encoding, lineSkip = 0, byteSkip = 0 } = storage;
  const stored = skipLines(part, lineSkip, name);
  const limit = () => Math.max(0, byteSkip) + size + MAX_TRAILING;
  const bytes =
    encoding === "gzip"
      ? gunzip(stored, limit, name)
      : encoding === "zlib"
        ? unzlib(stored, limit, name)
        : encoding === "hex"
          ? hexBytes(stored, size, name)
          : stored;
  const start = byteSkip < 0 ? bytes.length - size : byteSkip;
  if (start < 0 || bytes.length - start < size)
    throw new VolumeError(
      `${name}: is cut off: has ${Math.max(0, bytes.length - Math.max(0, start))} bytes of values; its header asks ` +
        `for ${size}`,
    );
  return bytes.subarray(start, start + size);
}

function skipLines(bytes: Uint8Array, lines: number, name: string): Uint8Array {
  let at = 0;
  for (let line = 0; line < lines; line++) {
    at = bytes.indexOf(10, at) + 1;
    if (at === 0) throw new VolumeError(`${name}: is cut off: has fewer than the ${lines} lines to skip`);
  }
  return bytes.subarray(at);
}

function hexBytes(text: Uint8Array, size: number, name: string): Uint8Array {
  if (text.length < 2 * size)
    throw new VolumeError(`${name}: is cut off: has ${text.length} digits; its header asks for ${2 * size}`);
  const digits = new TextDecoder("latin1").decode(text).replace(/\s+/g, "");
  if (/[^0-9a-f]/i.test(digits)) throw new VolumeError(`${name}: has something else than hexadecimal digits`);
  return Uint8Array.from({ length: digits.length >> 1 }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16)); // prettier-ignore
}

function textValues(
  parts: readonly Uint8Array[],
  { kind, count: all, lineSkip = 0, byteSkip = 0 }: Storage,
  count: number,
  name: string,
): NumberArray {
  const cutOff = (found: number) =>
    new VolumeError(`${name}: is cut off: has ${found} values; its header asks for ${count}`);
  const texts = parts.map((part) => skipLines(part, lineSkip, name).subarray(Math.max(0, byteSkip)));
  for (const { length } of texts) if (length + 1 < 2 * count) throw cutOff((length + 1) >> 1); // a digit and a gap each
  const values = numbersOf(kind, all);
  for (const [n, text] of texts.entries()) {
    let at = 0;
    for (const [word] of new TextDecoder("latin1").decode(text).matchAll(/[^\s,]+/g)) {
      if (at === count) break;
      const isNaN = /^[+-]?nan$/i.test(word);
      const value = Number(word.replace(/^([+-]?)inf$/i, "$1Infinity"));
      const to = n * count + at++;
      values[to] = value;
      // Single precision rounds; integers must come out as they went in.
      const isKept = values instanceof Float32Array ? !Number.isNaN(value) : values[to] === value;
      if (!isKept && !(isNaN && Number.isNaN(values[to])))
        throw new VolumeError(`${name}: has the value ${word}; expected ${kind}`);
    }
    if (at < count) throw cutOff(at);
  }
  return values;
}
