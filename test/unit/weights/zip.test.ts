import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import { bytesSource, type ByteSource } from "../../../src/weights/byteSource.js";
import { checkStored, readZipDirectory, readZipMember } from "../../../src/weights/zip.js";
import { latin1 } from "./pthFile.js";
import { rejection } from "./safetensorsFile.js";

const FILE = zipSync({ "x/a": latin1("first"), "x/b": latin1("second") }, { level: 0 });
/** Where the directory's entries begin, and the record at the end. */
const [ENTRY_A, ENTRY_B] = [signaturesOf(0x02014b50)[0], signaturesOf(0x02014b50)[1]];
const [END] = signaturesOf(0x06054b50);

function signaturesOf(signature: number): number[] {
  const view = new DataView(FILE.buffer);
  return [...FILE.keys()].filter((at) => at + 4 <= FILE.length && view.getUint32(at, true) === signature);
}

/** The file with some of its bytes replaced. */
function changed(...changes: readonly (readonly [at: number, bytes: readonly number[]])[]): ByteSource {
  const file = FILE.slice();
  for (const [at, bytes] of changes) file.set(bytes, at);
  return bytesSource(file, "x.zip");
}

function contents(source: ByteSource): Record<string, string> {
  const members = [...readZipDirectory(source).values()];
  checkStored(source, members);
  return Object.fromEntries(
    members.map((member) => [member.name, new TextDecoder().decode(readZipMember(source, member))]),
  );
}

describe("an archive's members", () => {
  it("are read whole and in part", () => {
    expect(contents(bytesSource(FILE))).toEqual({ "x/a": "first", "x/b": "second" });
    const member = readZipDirectory(bytesSource(FILE)).get("x/b");
    if (member === undefined) throw new Error("no member");
    expect(new TextDecoder().decode(readZipMember(bytesSource(FILE), member, 1, 3))).toBe("eco");
  });

  it("are found before a comment, and behind one that looks like the end", () => {
    const comment = latin1("PK\x05\x06 is how a directory ends");
    const file = Uint8Array.of(...FILE, ...comment);
    new DataView(file.buffer).setUint16(END + 20, comment.length, true);
    expect(contents(bytesSource(file))).toEqual(contents(bytesSource(FILE)));
  });

  it.each<[string, ByteSource, string]>([
    ["an empty file", bytesSource(new Uint8Array(0)), "no directory at its end"],
    ["a file that is cut off", bytesSource(FILE.subarray(0, -1)), "a download may have been cut off"],
    ["bytes behind the end", bytesSource(Uint8Array.of(...FILE, 0)), "no directory at its end"],
    ["more members than it has", changed([END + 10, [3, 0]]), "a directory of 3 members"],
    ["a directory outside of it", changed([END + 16, [0xff, 0xff, 0xff, 0x7f]]), "does not fit it"],
    ["a directory that begins elsewhere", changed([END + 16, [1, 0, 0, 0]]), "breaks off at member 1 of 2"],
    ["a name beyond the directory", changed([ENTRY_B + 28, [0xff, 0xff]]), "breaks off at member 2 of 2"],
    ["two members of one name", changed([ENTRY_B + 46, [...latin1("x/a")]]), 'member "x/a" appears twice'],
    ["members that overlap", changed([ENTRY_B + 42, [1, 0, 0, 0]]), "reaches beyond"],
    ["a member beyond the directory", changed([ENTRY_B + 42, [0xf0]]), "reaches beyond"],
    ["sizes that differ", changed([ENTRY_A + 24, [4]]), "has 4 bytes, but takes 5"],
    ["a member that is encrypted", changed([ENTRY_A + 8, [1, 0]]), '"x/a" is encrypted'],
    ["a member that is compressed", changed([ENTRY_A + 10, [8, 0]]), '"x/a" is compressed'],
    ["a member without a header", changed([0, [0]]), 'member "x/a" has no header at 0'],
    ["a header that is too long", changed([28, [0xff, 0]]), "reaches beyond"],
    ["64 bits announced, but missing", changed([END + 16, [255, 255, 255, 255]]), "does not fit it"],
  ])("are refused in %s", (_, source, expected) => {
    const message = rejection(() => contents(source));
    expect(message).toContain(expected);
    expect(message).toMatch(/^(x\.zip|bytes): /);
  });
});

/** Little-endian numbers: [value, bytes]. */
function record(...fields: readonly (readonly [value: number, bytes: 2 | 4 | 8])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [, bytes]) => sum + bytes, 0)));
  let at = 0;
  for (const [value, bytes] of fields) {
    if (bytes === 8) view.setBigUint64(at, BigInt(value), true);
    else if (bytes === 4) view.setUint32(at, value, true);
    else view.setUint16(at, value, true);
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}

/** An archive of 5 GiB, of which only some places hold anything, as PyTorch writes it: every record in its wide form. */
function wideArchive(
  fields: { readonly start?: number; readonly size?: number; readonly wideEnd?: number } = {},
): ByteSource {
  const large = 5 * 2 ** 30;
  const { start = large + 100, size = large } = fields;
  const zeros = (count: number) => Array<readonly [number, 2]>(count).fill([0, 2]);
  const local = record([0x04034b50, 4], ...zeros(11), [1, 2], [0, 2]);
  const entry = (name: string, bytes: number, offset: number) => [
    ...record([0x02014b50, 4], ...zeros(8)),
    ...record([0xffffffff, 4], [0xffffffff, 4], [1, 2], [28, 2], ...zeros(5), [0xffffffff, 4]),
    ...latin1(name),
    ...record([1, 2], [24, 2], [bytes, 8], [bytes, 8], [offset, 8]),
  ];
  const directory = Uint8Array.from([...entry("a", size, 0), ...entry("b", 3, large + 50)]);
  const wideEnd = record(
    [0x06064b50, 4],
    [44, 8],
    ...zeros(2),
    ...zeros(4),
    [2, 8],
    [2, 8],
    [directory.length, 8],
    [start, 8],
  );
  const wideAt = large + 100 + directory.length;
  const locator = record([0x07064b50, 4], [0, 4], [fields.wideEnd ?? wideAt, 8], [1, 4]);
  const end = record(
    [0x06054b50, 4],
    ...zeros(2),
    [0xffff, 2],
    [0xffff, 2],
    [0xffffffff, 4],
    [0xffffffff, 4],
    [0, 2],
  );
  const tail = Uint8Array.of(...directory, ...wideEnd, ...locator, ...end);
  const pieces: readonly (readonly [number, Uint8Array])[] = [
    [0, Uint8Array.of(...local, ...latin1("a"))],
    [31 + large - 4, latin1("last")],
    [large + 50, Uint8Array.of(...local, ...latin1("bxyz"))],
    [large + 100, tail],
  ];
  return {
    name: "wide",
    size: large + 100 + tail.length,
    read(offset, length) {
      const bytes = new Uint8Array(length);
      for (const [at, piece] of pieces)
        for (let n = Math.max(0, offset - at); n < piece.length && at + n < offset + length; n++)
          bytes[at + n - offset] = piece[n];
      return bytes;
    },
    close() {},
  };
}

describe("an archive above 4 GiB", () => {
  it("is read on both sides of 32 bits", () => {
    const source = wideArchive();
    const members = readZipDirectory(source);
    const [a, b] = [members.get("a"), members.get("b")];
    if (a === undefined || b === undefined) throw new Error("members are missing");
    expect(a.size).toBe(5 * 2 ** 30);
    expect(new TextDecoder().decode(readZipMember(source, a, a.size - 4))).toBe("last");
    expect(new TextDecoder().decode(readZipMember(source, b))).toBe("xyz");
  });

  it("is refused when its wide numbers do not fit it", () => {
    expect(rejection(() => readZipDirectory(wideArchive({ start: 2 ** 52 })))).toContain("does not fit it");
    expect(rejection(() => readZipDirectory(wideArchive({ size: 6 * 2 ** 30 })))).toContain("reaches beyond");
    expect(rejection(() => readZipDirectory(wideArchive({ size: 2 ** 53 })))).toContain(
      "a size or an offset of",
    );
    expect(rejection(() => readZipDirectory(wideArchive({ wideEnd: 2 ** 52 })))).toContain(
      "lies outside of it",
    );
    expect(rejection(() => readZipDirectory(wideArchive({ wideEnd: 9 })))).toContain(
      "not where it should be",
    );
  });
});
