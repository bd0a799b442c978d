import { Gunzip, Inflate } from "fflate";
import { crc32 } from "../image/crc32.js";
import { VolumeError } from "./volumeError.js";

/** Compressed bytes that are inflated at a time; they give at most a thousand times as many. Fewer cost time. */
const PIECE = 2 ** 15;
/** Inflated bytes from which a limit can be told. */
const START = 1024;

/** The most bytes that a file can have, by how it starts. */
type Limit = (start: Uint8Array) => number;

/** Undoes raw deflate. @throws VolumeError when it is damaged, cut off, or gives more than the limit. */
export function inflateRaw(bytes: Uint8Array, limit: Limit, name: string): Uint8Array {
  return collect(new Inflate(), bytes, limit, name).data;
}

/** Undoes zlib and checks its checksum. @throws VolumeError as above. */
export function unzlib(bytes: Uint8Array, limit: Limit, name: string): Uint8Array {
  const [method = 0, flags = 0] = bytes;
  if ((method & 15) !== 8 || (method * 256 + flags) % 31 !== 0 || flags & 32)
    throw new VolumeError(`${name}: damaged compression: is no zlib stream`);
  const data = inflateRaw(bytes.subarray(2), limit, name);
  const expected = bytes.subarray(-4).reduce((sum, byte) => sum * 256 + byte, 0);
  if (adler32(data) !== expected) throw new VolumeError(`${name}: damaged zlib: its checksum is wrong`);
  return data;
}

/** @see RFC 1950. Of 5,552 bytes the sums stay below 2^32. */
function adler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0];
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(at + 5552, bytes.length);
    for (; at < end; at++) b += a += bytes[at];
    a %= 65521;
    b %= 65521;
  }
  return b * 65536 + a;
}

/**
 * Undoes gzip, of one member or several, and checks the checksum of each. Zeros may follow, as on tapes and in blocks.
 *
 * @throws VolumeError as above, and when other bytes follow.
 */
export function gunzip(bytes: Uint8Array, limit: Limit, name: string): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stream = new Gunzip();
  let [crc, length] = [0, 0];
  /** A member ends with the checksum and the length of what it holds. */
  const endsAt = (end: number) =>
    view.getUint32(end - 8, true) === crc && view.getUint32(end - 4, true) === length % 2 ** 32;
  /** Where the last member ends, of which the last piece or the one before has the end. */
  const endBefore = (pushed: number): number | undefined => {
    for (let end = pushed; end > Math.max(pushed - 2 * PIECE, 18); end--) if (endsAt(end)) return end;
    return undefined;
  };
  const wrong = () => new VolumeError(`${name}: damaged gzip: its checksum is wrong`);
  stream.onmember = (start) => {
    if (!endsAt(start)) throw wrong();
    [crc, length] = [0, 0];
  };
  const { data, pushed } = collect(stream, bytes, limit, name, {
    onPart: (part) => {
      crc = crc32(part, crc);
      length += part.length;
    },
    isOver: (pushed) => endBefore(pushed) !== undefined,
  });
  const end = endBefore(pushed);
  if (end === undefined) throw wrong();
  if (bytes.subarray(end).some((byte) => byte !== 0))
    throw new VolumeError(
      `${name}: has ${bytes.length - end} bytes after its compressed data; expected none, zeros, or more gzip; ` +
        "unpack it with gzip -dc and use the unpacked file",
    );
  return data;
}

/** For streams that may end before their bytes do. */
interface Watch {
  readonly onPart: (part: Uint8Array) => void;
  /** Whether the stream had ended, now that something cannot be inflated; of so many bytes. */
  readonly isOver: (pushed: number) => boolean;
}

/** Inflates piece by piece, so that a small file that holds a huge one never gets that memory. */
function collect(stream: Inflate | Gunzip, bytes: Uint8Array, limit: Limit, name: string, watch?: Watch) {
  const parts: Uint8Array[] = [];
  let [total, most, pushed] = [0, Infinity, 0];
  const cutOff = () => new VolumeError(`${name}: is cut off inside its compression`);
  if (bytes.length === 0) throw cutOff();
  stream.ondata = (part) => {
    parts.push(part);
    total += part.length;
    watch?.onPart(part);
  };
  while (pushed < bytes.length) {
    const piece = bytes.subarray(pushed, pushed + PIECE);
    pushed += piece.length;
    try {
      stream.push(piece, pushed === bytes.length);
    } catch (error) {
      if (error instanceof VolumeError) throw error;
      if (watch?.isOver(pushed)) break;
      const { message } = error as Error;
      throw message === "unexpected EOF"
        ? cutOff()
        : new VolumeError(`${name}: damaged compression: ${message}`);
    }
    if (most === Infinity && total >= START) most = limit(concatenate(parts, total));
    if (total > most)
      throw new VolumeError(`${name}: inflates to more than ${most} bytes, which is more than can be right`);
  }
  return { data: concatenate(parts, total), pushed };
}

/** One array of all parts, whose lengths add up to `total`. */
export function concatenate(parts: readonly Uint8Array[], total: number): Uint8Array {
  const out = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
