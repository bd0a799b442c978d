import type { ByteSource } from "./byteSource.js";
import { CheckpointError } from "./checkpoint.js";
import { quoted } from "./jsonReader.js";

/*
 * The part of ZIP that PyTorch writes: members that are stored, not compressed. ZIP libraries either hold the
 * whole archive in memory or read it asynchronously in Node only; a checkpoint is read a member at a time,
 * synchronously, in browsers too.
 *
 * APPNOTE.TXT of PKWARE is the format's description; the numbers of its sections stand beside the records.
 */

const LOCAL_HEADER = { signature: 0x04034b50, bytes: 30 }; // 4.3.7
const ENTRY = { signature: 0x02014b50, bytes: 46 }; // 4.3.12
const WIDE_END = { signature: 0x06064b50, bytes: 56 }; // 4.3.14
const LOCATOR = { signature: 0x07064b50, bytes: 20 }; // 4.3.15
const END = { signature: 0x06054b50, bytes: 22 }; // 4.3.16
const MAX_COMMENT = 0xffff;
/** Kind of the extra field that holds the numbers which do not fit 32 bits, 4.5.3. */
const WIDE_EXTRA = 1;
/** Stands where such a number would. */
const ELSEWHERE = 0xffffffff;
const ENCRYPTED = 1;
/** ViT-H with its optimizer's state has 2,000 members in 200 kB. */
const MAX_DIRECTORY_BYTES = 4e6;

/** Where a member's bytes lie in the archive. */
export interface ZipMember {
  readonly name: string;
  /** In bytes, unpacked. */
  readonly size: number;
  readonly packing: "stored" | "compressed" | "encrypted";
  /** Where its local header begins. Its bytes follow that. */
  readonly offset: number;
  /** Where the next member or the directory begins. */
  readonly limit: number;
}

/**
 * Members of an archive by name, from its directory alone.
 *
 * @throws CheckpointError when the directory is damaged or members overlap.
 */
export function readZipDirectory(source: ByteSource): ReadonlyMap<string, ZipMember> {
  const { start, bytes, count } = findDirectory(source);
  if (start + bytes > source.size || bytes < count * ENTRY.bytes)
    throw damaged(source, `a directory of ${count} members in ${bytes} bytes at ${start} does not fit it`);
  if (bytes > MAX_DIRECTORY_BYTES)
    throw damaged(source, `its directory takes ${bytes} bytes, more than ${MAX_DIRECTORY_BYTES}`);
  const directory = source.read(start, bytes);
  const entries: Entry[] = [];
  for (let at = 0; entries.length < count;) {
    const entry = readEntry(source, directory, at);
    if (entry === undefined)
      throw damaged(source, `its directory breaks off at member ${entries.length + 1} of ${count}`);
    entries.push(entry);
    at = entry.next;
  }
  return placed(source, entries, start);
}

/** @throws CheckpointError when one of the members is not stored, so that `readZipMember` cannot read it. */
export function checkStored(source: ByteSource, members: Iterable<ZipMember>): void {
  for (const { name, packing } of members)
    if (packing !== "stored")
      throw new CheckpointError(
        `${source.name}: its member ${quoted(name)} is ${packing}, which torch.save never does; load it in Python ` +
          `and save it again with torch.save`,
      );
}

/** Bytes `[from, from + length)` of a stored member, whose local header is checked first. Default: all of it. */
export function readZipMember(
  source: ByteSource,
  { name, size, offset, limit }: ZipMember,
  from = 0,
  length = size - from,
): Uint8Array {
  const header = viewOf(source.read(offset, LOCAL_HEADER.bytes));
  if (header.getUint32(0, true) !== LOCAL_HEADER.signature)
    throw damaged(source, `member ${quoted(name)} has no header at ${offset}`);
  const start = offset + LOCAL_HEADER.bytes + header.getUint16(26, true) + header.getUint16(28, true);
  if (start + size > limit)
    throw damaged(source, `member ${quoted(name)} of ${size} bytes at ${start} reaches beyond ${limit}`);
  return source.read(start + from, length);
}

interface Entry extends Omit<ZipMember, "limit"> {
  /** Bytes that it takes in the archive. */
  readonly packed: number;
  /** Where the next entry begins in the directory. */
  readonly next: number;
}

/** The entry at `at`, or nothing when the directory ends before it does. */
function readEntry(source: ByteSource, directory: Uint8Array, at: number): Entry | undefined {
  if (at + ENTRY.bytes > directory.length) return undefined;
  const view = viewOf(directory.subarray(at));
  const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => view.getUint16(field, true));
  const extraAt = ENTRY.bytes + nameBytes;
  const bytes = extraAt + extraBytes + commentBytes;
  if (view.getUint32(0, true) !== ENTRY.signature || at + bytes > directory.length) return undefined;

  const name = new TextDecoder().decode(directory.subarray(at + ENTRY.bytes, at + extraAt));
  const [flags, method] = [view.getUint16(8, true), view.getUint16(10, true)];
  const packing = (flags & ENCRYPTED) !== 0 ? "encrypted" : method !== 0 ? "compressed" : "stored";
  let [packed, size, offset] = [20, 24, 42].map((field) => view.getUint32(field, true));
  const wide = wideNumbers(source, new DataView(view.buffer, view.byteOffset + extraAt, extraBytes));
  // Only the numbers that do not fit are there, in this order.
  if (size === ELSEWHERE) size = wide.shift() ?? size;
  if (packed === ELSEWHERE) packed = wide.shift() ?? packed;
  if (offset === ELSEWHERE) offset = wide.shift() ?? offset;
  if (packing === "stored" && packed !== size)
    throw damaged(source, `member ${quoted(name)} has ${size} bytes, but takes ${packed}`);
  return { name, size, packing, packed, offset, next: at + bytes };
}

/** The 64-bit numbers among an entry's extra fields. */
function wideNumbers(source: ByteSource, extra: DataView): number[] {
  for (let at = 0; at + 4 <= extra.byteLength;) {
    const [kind, length] = [extra.getUint16(at, true), extra.getUint16(at + 2, true)];
    at += 4;
    if (kind === WIDE_EXTRA && at + length <= extra.byteLength)
      return Array.from({ length: Math.floor(length / 8) }, (_, n) => wideNumber(source, extra, at + 8 * n));
    at += length;
  }
  return [];
}

/** Members by name. Each ends before the next one begins, and the last before the directory. */
function placed(source: ByteSource, entries: readonly Entry[], end: number): ReadonlyMap<string, ZipMember> {
  const members = new Map<string, ZipMember>();
  let limit = end;
  for (const { name, size, packing, packed, offset } of entries.toSorted((a, b) => b.offset - a.offset)) {
    if (offset + LOCAL_HEADER.bytes + packed > limit)
      throw damaged(source, `member ${quoted(name)} of ${packed} bytes at ${offset} reaches beyond ${limit}`);
    if (members.has(name)) throw damaged(source, `member ${quoted(name)} appears twice`);
    members.set(name, { name, size, packing, offset, limit });
    limit = offset;
  }
  return members;
}

/** The record at the end says where the directory is; a second, wide one where 32 bits do not suffice. */
function findDirectory(source: ByteSource): { start: number; bytes: number; count: number } {
  const tail = Math.min(source.size, END.bytes + MAX_COMMENT);
  const view = viewOf(source.read(source.size - tail, tail));
  let at = tail - END.bytes;
  // A comment may follow, which ends the file.
  while (
    at >= 0 &&
    (view.getUint32(at, true) !== END.signature || at + END.bytes + view.getUint16(at + 20, true) !== tail)
  )
    at--;
  if (at < 0) throw damaged(source, "it has no directory at its end; a download may have been cut off");
  const count = view.getUint16(at + 10, true);
  const [bytes, start] = [12, 16].map((field) => view.getUint32(at + field, true));
  if (start !== ELSEWHERE && bytes !== ELSEWHERE && count !== 0xffff) return { start, bytes, count };

  const locatorAt = source.size - tail + at - LOCATOR.bytes;
  if (locatorAt < 0) throw damaged(source, "its wide directory is missing");
  const locator = viewOf(source.read(locatorAt, LOCATOR.bytes));
  // Without a locator the numbers are what they seem to be.
  if (locator.getUint32(0, true) !== LOCATOR.signature) return { start, bytes, count };
  const wideAt = wideNumber(source, locator, 8);
  if (wideAt + WIDE_END.bytes > source.size) throw damaged(source, "its wide directory lies outside of it");
  const wide = viewOf(source.read(wideAt, WIDE_END.bytes));
  if (wide.getUint32(0, true) !== WIDE_END.signature)
    throw damaged(source, "its wide directory is not where it should be");
  const [wideCount, wideBytes, wideStart] = [32, 40, 48].map((field) => wideNumber(source, wide, field));
  return { start: wideStart, bytes: wideBytes, count: wideCount };
}

function wideNumber(source: ByteSource, view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw damaged(source, `it has a size or an offset of ${value} bytes`);
  return value;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function damaged(source: ByteSource, message: string): CheckpointError {
  return new CheckpointError(
    `${source.name}: not a ZIP archive as torch.save writes it, or a damaged one: ${message}`,
  );
}
