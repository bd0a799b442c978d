import type { ByteSource } from "./byteSource.js";
import { CheckpointError } from "./checkpoint.js";

/*
 * The part of ZIP that PyTorch writes: members that are stored, not compressed. ZIP libraries either hold the
 * whole archive in memory or read it asynchronously in Node only; a checkpoint is read a member at a time,
 * synchronously, in browsers too.
 */

const [END_RECORD, END_RECORD_64, LOCATOR_64] = [0x06054b50, 0x06064b50, 0x07064b50];
const [ENTRY, LOCAL_HEADER] = [0x02014b50, 0x04034b50];
const [END_BYTES, LOCATOR_BYTES, END_BYTES_64, ENTRY_BYTES, LOCAL_BYTES] = [22, 20, 56, 46, 30];
const MAX_COMMENT = 65_535;
const EXTRA_64 = 1;
const MAX_32 = 0xffffffff;

/** Where a member's bytes lie in the archive. */
export interface ZipMember {
  readonly name: string;
  readonly size: number;
  /** Of its local header. */
  readonly offset: number;
}

/**
 * Members of an archive by name, from its directory alone.
 *
 * @throws CheckpointError when the directory is damaged, or a member is compressed or encrypted.
 */
export function readZipDirectory(source: ByteSource): ReadonlyMap<string, ZipMember> {
  const { start, bytes, count } = findDirectory(source);
  if (start + bytes > source.size || bytes < count * ENTRY_BYTES)
    throw damaged(
      source,
      `its directory of ${count} members in ${bytes} bytes at ${start} does not fit the file`,
    );
  const view = viewOf(source.read(start, bytes));
  const members = new Map<string, ZipMember>();
  let at = 0;
  for (let n = 0; n < count; n++) {
    if (at + ENTRY_BYTES > bytes || view.getUint32(at, true) !== ENTRY)
      throw damaged(source, `its directory breaks off at member ${n + 1} of ${count}`);
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) =>
      view.getUint16(at + field, true),
    );
    const next = at + ENTRY_BYTES + nameBytes + extraBytes + commentBytes;
    if (next > bytes) throw damaged(source, `its directory breaks off at member ${n + 1} of ${count}`);
    const nameAt = view.byteOffset + at + ENTRY_BYTES;
    const name = new TextDecoder().decode(new Uint8Array(view.buffer, nameAt, nameBytes));
    if (members.has(name)) throw damaged(source, `member ${name} appears twice`);
    members.set(name, readEntry(source, view, at, name, nameBytes, extraBytes));
    at = next;
  }
  return members;
}

/** Bytes `[from, from + length)` of a member, whose local header is checked first. Default: all of it. */
export function readZipMember(
  source: ByteSource,
  { name, size, offset }: ZipMember,
  from = 0,
  length = size - from,
): Uint8Array {
  const header = viewOf(source.read(offset, LOCAL_BYTES));
  if (header.getUint32(0, true) !== LOCAL_HEADER)
    throw damaged(source, `member ${name} has no header at ${offset}`);
  const start = offset + LOCAL_BYTES + header.getUint16(26, true) + header.getUint16(28, true);
  if (start + size > source.size) throw damaged(source, `member ${name} reaches beyond the end of the file`);
  return source.read(start + from, length);
}

function readEntry(
  source: ByteSource,
  view: DataView,
  at: number,
  name: string,
  nameBytes: number,
  extraBytes: number,
): ZipMember {
  const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
  if ((flags & 1) !== 0) throw new CheckpointError(`${source.name}: member ${name} is encrypted`);
  if (method !== 0)
    throw new CheckpointError(
      `${source.name}: member ${name} is compressed; torch.save never does that. ` +
        `Unpack the archive and save the state dict again with torch.save`,
    );
  let [packed, size, offset] = [20, 24, 42].map((field) => view.getUint32(at + field, true));
  // Fields that do not fit 32 bits stand in an extra record, in this order, those alone.
  const wide = [size, packed, offset].map((value) => value === MAX_32);
  if (wide.includes(true)) {
    const values = extra64(
      source,
      view,
      at + ENTRY_BYTES + nameBytes,
      extraBytes,
      wide.filter(Boolean).length,
    );
    if (wide[0]) size = values.shift() ?? size;
    if (wide[1]) packed = values.shift() ?? packed;
    if (wide[2]) offset = values.shift() ?? offset;
  }
  if (packed !== size)
    throw damaged(source, `member ${name} is stored, but its two sizes ${packed}, ${size} differ`);
  if (offset + LOCAL_BYTES + size > source.size)
    throw damaged(source, `member ${name} of ${size} bytes at ${offset} reaches beyond the end of the file`);
  return { name, size, offset };
}

/** `count` 64-bit numbers of the ZIP64 record among a member's extra records. */
function extra64(source: ByteSource, view: DataView, at: number, bytes: number, count: number): number[] {
  for (let next = at; next + 4 <= at + bytes;) {
    const [kind, length] = [view.getUint16(next, true), view.getUint16(next + 2, true)];
    if (kind === EXTRA_64 && length >= 8 * count && next + 4 + length <= at + bytes)
      return Array.from({ length: count }, (_, n) => wideNumber(source, view, next + 4 + 8 * n));
    next += 4 + length;
  }
  throw damaged(source, "a member above 4 GiB lacks its sizes");
}

/** The record at the end says where the directory is; a second, wide one where 32 bits do not suffice. */
function findDirectory(source: ByteSource): { start: number; bytes: number; count: number } {
  const tail = Math.min(source.size, END_BYTES + MAX_COMMENT);
  const view = viewOf(source.read(source.size - tail, tail));
  let at = tail - END_BYTES;
  while (at >= 0 && view.getUint32(at, true) !== END_RECORD) at--;
  if (at < 0) throw damaged(source, "it has no directory at its end; a download may have been cut off");
  const record = { count: view.getUint16(at + 10, true), bytes: view.getUint32(at + 12, true) };
  const start = view.getUint32(at + 16, true);
  if (start !== MAX_32 && record.bytes !== MAX_32 && record.count !== 0xffff) return { start, ...record };

  const locatorAt = source.size - tail + at - LOCATOR_BYTES;
  if (locatorAt < 0) throw damaged(source, "its wide directory is missing");
  const locator = viewOf(source.read(locatorAt, LOCATOR_BYTES));
  if (locator.getUint32(0, true) !== LOCATOR_64) return { start, ...record };
  const wideAt = wideNumber(source, locator, 8);
  if (wideAt + END_BYTES_64 > source.size) throw damaged(source, "its wide directory lies outside the file");
  const wide = viewOf(source.read(wideAt, END_BYTES_64));
  if (wide.getUint32(0, true) !== END_RECORD_64)
    throw damaged(source, "its wide directory is not where it should be");
  const [count, bytes, wideStart] = [32, 40, 48].map((field) => wideNumber(source, wide, field));
  return { start: wideStart, bytes, count };
}

function wideNumber(source: ByteSource, view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw damaged(source, `it has a size of ${value} bytes`);
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
