import { Gunzip, Inflate } from "fflate";
import { crc32 } from "../image/crc32.js";
import { VolumeError } from "./volumeError.js";

/** Compressed bytes that are inflated at a time; they give at most a thousand times as many. */
const PIECE = 2 ** 13;
/** Inflated bytes from which a limit can be told. */
const START = 1024;

/** The most bytes that a file can have, by how it starts. */
type Limit = (start: Uint8Array) => number;

/** Undoes raw deflate. @throws VolumeError when it is damaged, cut off, or gives more than the limit. */
export function inflateRaw(bytes: Uint8Array, limit: Limit, name: string): Uint8Array {
  return collect(new Inflate(), bytes, limit, name);
}

/** Undoes gzip and checks its checksum. @throws VolumeError as above. */
export function gunzip(bytes: Uint8Array, limit: Limit, name: string): Uint8Array {
  const stream = new Gunzip();
  let members = 1;
  stream.onmember = () => members++;
  const data = collect(stream, bytes, limit, name);
  const trailer = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 8, 8);
  // A file of several members has a checksum for each; that is rare, and they are not checked.
  if (members === 1 && trailer.getUint32(0, true) !== crc32(data))
    throw new VolumeError(`${name}: damaged gzip: its checksum is wrong`);
  return data;
}

/** Inflates piece by piece, so that a small file that holds a huge one never gets that memory. */
function collect(stream: Inflate | Gunzip, bytes: Uint8Array, limit: Limit, name: string): Uint8Array {
  const parts: Uint8Array[] = [];
  let [total, most, ended] = [0, Infinity, false];
  stream.ondata = (part, final) => {
    parts.push(part);
    total += part.length;
    ended ||= final;
  };
  for (let at = 0; at < bytes.length; at += PIECE) {
    try {
      stream.push(bytes.subarray(at, at + PIECE), at + PIECE >= bytes.length);
    } catch (error) {
      throw new VolumeError(`${name}: damaged compression: ${(error as Error).message}`);
    }
    if (most === Infinity && total >= START) most = limit(concatenate(parts, total));
    if (total > most)
      throw new VolumeError(`${name}: inflates to more than ${most} bytes, which is more than can be right`);
  }
  if (!ended) throw new VolumeError(`${name}: is cut off inside its compression`);
  return concatenate(parts, total);
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
