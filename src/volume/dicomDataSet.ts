import dicomParser, { type DataSet, type Element } from "dicom-parser";
import { shownTag, tagOf, type Keyword } from "./dicomTags.js";
import { concatenate, inflateRaw } from "./inflate.js";
import { VolumeError } from "./volumeError.js";

const BIG_ENDIAN = "1.2.840.10008.1.2.2";
const IMPLICIT = "1.2.840.10008.1.2";
/** DICOM's names of character sets, and those of browsers. */
const CHARACTER_SETS: Readonly<Record<string, string>> = {
  "ISO_IR 101": "iso-8859-2",
  "ISO_IR 109": "iso-8859-3",
  "ISO_IR 110": "iso-8859-4",
  "ISO_IR 126": "iso-8859-7",
  "ISO_IR 127": "iso-8859-6",
  "ISO_IR 138": "iso-8859-8",
  "ISO_IR 144": "iso-8859-5",
  "ISO_IR 148": "windows-1254",
  "ISO_IR 166": "windows-874",
  "ISO_IR 13": "shift_jis",
  "ISO_IR 87": "iso-2022-jp",
  "ISO_IR 149": "euc-kr",
  "ISO_IR 192": "utf-8",
  GB18030: "gb18030",
  GBK: "gbk",
};
/** Most bytes that a deflated file may have: 2 GiB. */
const MAX_FILE = 2 ** 31;

/**
 * The attributes of a DICOM file, or of an item of a sequence in it. Values are checked when they are asked for;
 * errors name file and attribute, and never show the value of one that may name a person.
 */
export class DicomDataSet {
  constructor(
    /** What the user calls the file. */
    readonly name: string,
    readonly transferSyntax: string,
    private readonly data: DataSet,
    /** What this is an item of. */
    private readonly outer?: DicomDataSet,
  ) {}

  /** Order of bytes in a number, by the transfer syntax. */
  get littleEndian(): boolean {
    return this.transferSyntax !== BIG_ENDIAN;
  }

  /** Where an attribute's value lies in the file; `undefined` when it is absent. */
  element(keyword: Keyword): Element | undefined {
    return this.data.elements[tagOf(keyword)];
  }

  /** Bytes of an attribute, or of a part of the file. */
  bytes(start: number, length: number): Uint8Array {
    return this.data.byteArray.subarray(start, start + length);
  }

  /** Text without padding; undefined when missing or empty. */
  text(keyword: Keyword): string | undefined {
    return this.data.string(tagOf(keyword))?.trim() || undefined;
  }

  /** Text that may have letters of any language, such as names; undefined when missing or empty. */
  words(keyword: Keyword): string | undefined {
    const element = this.element(keyword);
    if (element === undefined) return undefined;
    // Of several character sets the last one has the letters, the others are ASCII.
    const set = this.characterSets?.split("\\").at(-1)?.trim().replace("ISO 2022 IR", "ISO_IR") ?? "";
    const decoder = new TextDecoder(CHARACTER_SETS[set] ?? "latin1");
    return decoder.decode(this.bytes(element.dataOffset, element.length)).replace(/[\0 ]+$/, "") || undefined;
  }

  private get characterSets(): string | undefined {
    return this.text("SpecificCharacterSet") ?? this.outer?.characterSets;
  }

  /** An attribute's text. @throws VolumeError when it is absent. */
  requiredText(keyword: Keyword): string {
    return this.text(keyword) ?? this.missing(keyword);
  }

  /** Numbers written as text (VR DS or IS); undefined when missing or empty. */
  numbers(keyword: Keyword): number[] | undefined {
    const numbers = this.text(keyword)
      ?.split("\\")
      .map((part) => (part.trim() === "" ? NaN : Number(part)));
    if (numbers?.every(Number.isFinite) === false)
      throw new VolumeError(`${this.name}: ${shownTag(keyword)} is not made of numbers`);
    return numbers;
  }

  /** As `numbers`, when there must be so many. */
  vector(keyword: Keyword, count: number): number[] | undefined {
    const numbers = this.numbers(keyword);
    if (numbers !== undefined && numbers.length !== count)
      throw new VolumeError(
        `${this.name}: ${shownTag(keyword)} has ${numbers.length} numbers; expected ${count}`,
      );
    return numbers;
  }

  /** The first of numbers written as text. */
  number(keyword: Keyword): number | undefined {
    return this.numbers(keyword)?.[0];
  }

  /** A binary integer of 16 bits; `index` counts from 0. */
  uint16(keyword: Keyword, index = 0): number | undefined {
    const element = this.element(keyword);
    return element && element.length >= 2 * (index + 1) ? this.data.uint16(tagOf(keyword), index) : undefined;
  }

  /** An attribute's number. @throws VolumeError when it is absent. */
  requiredUint16(keyword: Keyword): number {
    return this.uint16(keyword) ?? this.missing(keyword);
  }

  /** Items of a sequence; none when it is missing. */
  items(keyword: Keyword): DicomDataSet[] {
    const items = this.element(keyword)?.items ?? [];
    return items.flatMap(({ dataSet }) =>
      dataSet ? [new DicomDataSet(this.name, this.transferSyntax, dataSet, this)] : [],
    );
  }

  private missing(keyword: Keyword): never {
    throw new VolumeError(`${this.name}: has no ${shownTag(keyword)}, which images must have`);
  }
}

/**
 * Parses a DICOM file (Part 10). Deflated ones are inflated first.
 *
 * @throws VolumeError when it is no such file, damaged, or cut off.
 */
export function parseDicom(bytes: Uint8Array, name: string): DicomDataSet {
  if (!looksLikeDicom(bytes)) throw notDicom(bytes, name);
  const inflater = (file: Uint8Array, start: number) => {
    const inflated = inflateRaw(file.subarray(start), () => MAX_FILE, name);
    return concatenate([file.subarray(0, start), inflated], start + inflated.length);
  };
  let data: DataSet;
  try {
    // The parser wants a plain Uint8Array, also where the caller has one of Node's buffers.
    const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    data = dicomParser.parseDicom(plain, { inflater });
  } catch (error) {
    throw error instanceof VolumeError ? error : damaged(error, name);
  }
  const transferSyntax = data.string(tagOf("TransferSyntaxUID"));
  if (!transferSyntax) throw new VolumeError(`${name}: has no ${shownTag("TransferSyntaxUID")}`);
  const set = new DicomDataSet(name, transferSyntax, data);
  // The parser takes what lies beyond the end of an implicit file on trust.
  for (const [tag, { dataOffset, length }] of Object.entries(data.elements))
    if (length !== 0xffffffff && dataOffset + length > data.byteArray.length)
      throw cutOff(name, tag, data.byteArray.length - dataOffset, length);
  return set;
}

export const looksLikeDicom = (bytes: Uint8Array): boolean =>
  bytes.length > 132 && new TextDecoder("latin1").decode(bytes.subarray(128, 132)) === "DICM";

function shownNumber(tag: string): string {
  return `(${tag.slice(1, 5)},${tag.slice(5)})`.toUpperCase();
}

function cutOff(name: string, tag: string, present: number, length: number): VolumeError {
  const what = tag === tagOf("PixelData") ? shownTag("PixelData") : shownNumber(tag);
  return new VolumeError(`${name}: is cut off: ${what} has ${present} of its ${length} bytes`);
}

/** The parser throws text, or an object with what it had read so far. */
function damaged(error: unknown, name: string): VolumeError {
  const partial = (error as { dataSet?: DataSet } | null)?.dataSet;
  const last = Object.values(partial?.elements ?? {}).at(-1);
  if (partial && last && last.dataOffset + last.length > partial.byteArray.length)
    return cutOff(name, last.tag, partial.byteArray.length - last.dataOffset, last.length);
  return new VolumeError(
    `${name}: damaged or cut off: ${last ? `what follows ${shownNumber(last.tag)}` : "its header"} cannot be read`,
  );
}

/** Says what a file without a header is, where that can be told. */
function notDicom(bytes: Uint8Array, name: string): VolumeError {
  const start = `${name}: has no DICOM header ("DICM" at byte 128 and the transfer syntax)`;
  try {
    const data = dicomParser.parseDicom(new Uint8Array(bytes), { TransferSyntaxUID: IMPLICIT });
    const set = new DicomDataSet(name, IMPLICIT, data);
    const modality = set.text("Modality");
    if (modality !== undefined && set.element("PixelData") === undefined)
      return new VolumeError(
        `${start}, and no ${shownTag("PixelData")}: ${shownTag("Modality")} is ${modality}; expected an image`,
      );
  } catch {
    // then nothing more can be said
  }
  return new VolumeError(`${start}; expected a complete DICOM file: export the image again`);
}
