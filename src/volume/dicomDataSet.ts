import type { Element } from "dicom-parser";
import { shownTag, tagOf, type Keyword } from "./dicomTags.js";
import { VolumeError } from "./volumeError.js";

const BIG_ENDIAN = "1.2.840.10008.1.2.2";
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

/** Where the attributes of a data set lie, by the parser's names of them. */
export type Elements = Record<string, Element>;

/**
 * The attributes of a DICOM file, or of an item of a sequence in it. Values are checked when they are asked for;
 * errors name file and attribute, and never show the value of one that may name a person.
 */
export class DicomDataSet {
  private readonly said = new Set<string>();

  constructor(
    /** What the user calls the file. */
    readonly name: string,
    readonly transferSyntax: string,
    private readonly elements: Elements,
    private readonly file: Uint8Array,
    /** What this is an item of. */
    private readonly outer?: DicomDataSet,
  ) {}

  /** Order of bytes in a number, by the transfer syntax. */
  get littleEndian(): boolean {
    return this.transferSyntax !== BIG_ENDIAN;
  }

  /** What a person should know of the attributes that were asked for so far, each once. */
  get warnings(): readonly string[] {
    return this.outer?.warnings ?? [...this.said];
  }

  /** Adds a warning; an item of a sequence hands it to its data set. */
  warn(warning: string): void {
    if (this.outer) this.outer.warn(warning);
    else this.said.add(warning);
  }

  /** Where an attribute's value lies in the file; `undefined` when it is absent. */
  element(keyword: Keyword): Element | undefined {
    return this.elements[tagOf(keyword)];
  }

  /** Bytes of an attribute, or of a part of the file. */
  bytes(start: number, length: number): Uint8Array {
    return this.file.subarray(start, start + length);
  }

  /** Text without padding; undefined when missing or empty. */
  text(keyword: Keyword): string | undefined {
    const element = this.element(keyword);
    if (element === undefined) return undefined;
    const text = new TextDecoder("latin1").decode(this.bytes(element.dataOffset, element.length));
    return text.split("\0", 1)[0].trim() || undefined;
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

  /**
   * Numbers written as text (VR DS or IS) of an attribute that is not needed: what cannot be read counts as missing,
   * with a warning.
   *
   * @param count how many there must be; any number when undefined.
   */
  numbers(keyword: Keyword, count?: number): number[] | undefined {
    const numbers = this.text(keyword)?.split("\\").map(decimal);
    if (numbers === undefined) return undefined;
    if (!numbers.every(Number.isFinite)) return this.ignore(keyword, "is not made of numbers");
    if (count !== undefined && numbers.length !== count)
      return this.ignore(keyword, `has ${numbers.length} numbers; expected ${count}`);
    return numbers;
  }

  /** As `numbers`, the first one. */
  number(keyword: Keyword): number | undefined {
    return this.numbers(keyword)?.[0];
  }

  /** The number of an attribute that values depend on; undefined when it is absent. @throws VolumeError when it is no number. */
  exactNumber(keyword: Keyword): number | undefined {
    const text = this.text(keyword)?.split("\\")[0];
    if (text === undefined) return undefined;
    const number = decimal(text);
    if (!Number.isFinite(number))
      throw new VolumeError(
        `${this.name}: ${shownTag(keyword)} is not a number, and without it the values are not known`,
      );
    return number;
  }

  /** Warns that an attribute counts as missing, and why. */
  ignore(keyword: Keyword, why: string): undefined {
    this.warn(`${shownTag(keyword)} ${why}; it counts as missing`);
  }

  /** A binary integer of 16 bits; `index` counts from 0. */
  uint16(keyword: Keyword, index = 0): number | undefined {
    const view = this.view(keyword);
    return view.byteLength < 2 * (index + 1) ? undefined : view.getUint16(2 * index, this.littleEndian);
  }

  /** A binary real number of 32 or 64 bits. */
  real(keyword: Keyword): number | undefined {
    const view = this.view(keyword);
    if (view.byteLength < 4) return undefined;
    return view.byteLength < 8
      ? view.getFloat32(0, this.littleEndian)
      : view.getFloat64(0, this.littleEndian);
  }

  private view(keyword: Keyword): DataView {
    const { dataOffset = 0, length = 0 } = this.element(keyword) ?? {};
    const bytes = this.bytes(dataOffset, length);
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** An attribute's number. @throws VolumeError when it is absent. */
  requiredUint16(keyword: Keyword): number {
    return this.uint16(keyword) ?? this.missing(keyword);
  }

  /** Items of a sequence; none when it is missing. */
  items(keyword: Keyword): DicomDataSet[] {
    const items = this.element(keyword)?.items ?? [];
    return items.flatMap(({ dataSet }) =>
      dataSet ? [new DicomDataSet(this.name, this.transferSyntax, dataSet.elements, this.file, this)] : [],
    );
  }

  private missing(keyword: Keyword): never {
    throw new VolumeError(`${this.name}: has no ${shownTag(keyword)}, which images must have`);
  }
}

const decimal = (text: string): number => (text.trim() === "" ? NaN : Number(text));
