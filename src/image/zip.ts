import { unzipSync } from "fflate";
import { crc32 } from "./crc32.js";
import { ImageError } from "./pixels.js";

/** Most bytes that one member may inflate to: 2 GiB. */
const MAX_MEMBER = 2 ** 31;
/** Deflate makes a byte of at most this many. */
const MAX_RATIO = 1032;

/**
 * Members of a ZIP archive whose names `wanted` accepts. Sizes are checked before anything is inflated, and
 * checksums after it, which fflate does not do.
 *
 * @throws ImageError when the archive is damaged, cut off, or a member is too large.
 */
export function readZip(
  bytes: Uint8Array,
  name: string,
  wanted: (member: string) => boolean,
): ReadonlyMap<string, Uint8Array> {
  let members: Record<string, Uint8Array>;
  try {
    members = unzipSync(bytes, {
      filter: ({ name: member, size, originalSize }) => {
        if (!wanted(member)) return false;
        if (originalSize > MAX_MEMBER || originalSize > size * MAX_RATIO + 64)
          throw new ImageError(`${name}: ${member} claims ${originalSize} bytes; more than can be right`);
        return true;
      },
    });
  } catch (error) {
    if (error instanceof ImageError) throw error;
    throw damaged(name, error instanceof Error ? error.message : String(error));
  }
  const expected = checksums(bytes, name);
  for (const [member, data] of Object.entries(members))
    if (crc32(data) !== expected.get(member)) throw damaged(name, `${member} has a wrong checksum`);
  return new Map(Object.entries(members));
}

/** Checksums in the archive's directory, by member. */
function checksums(bytes: Uint8Array, name: string): ReadonlyMap<string, number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new Map<string, number>();
  try {
    // The end record is the last thing but a comment of up to 65,535 bytes; fflate has found it already.
    let end = bytes.length - 22;
    while (view.getUint32(end, true) !== 0x06054b50) end--;
    const count = view.getUint16(end + 10, true);
    let entry = view.getUint32(end + 16, true);
    for (let i = 0; i < count; i++) {
      const [nameLength, extra, comment] = [28, 30, 32].map((at) => view.getUint16(entry + at, true));
      const member = new TextDecoder().decode(bytes.subarray(entry + 46, entry + 46 + nameLength));
      found.set(member, view.getUint32(entry + 16, true));
      entry += 46 + nameLength + extra + comment;
    }
  } catch {
    throw damaged(name, "its directory is cut off");
  }
  return found;
}

function damaged(name: string, problem: string): ImageError {
  return new ImageError(`${name}: damaged archive: ${problem}`);
}
