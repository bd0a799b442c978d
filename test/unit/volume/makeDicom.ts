/** Value of an attribute: text, binary integers of its VR, bytes, or items of a sequence. */
type Value = string | readonly number[] | Uint8Array | readonly Elements[];
/** Attributes by `GGGGEEEE VR`, such as `"00280010 US"`. */
export type Elements = Readonly<Record<string, Value | undefined>>;

export const EXPLICIT = "1.2.840.10008.1.2.1";
const LONG = ["OB", "OD", "OF", "OV", "OW", "SQ", "UN", "UT"];

/** How attributes are written: explicit VR, little endian unless said. */
export interface Style {
  readonly implicit?: boolean;
  readonly bigEndian?: boolean;
}

const bytesOf = (value: Value, vr: string, style: Style): Uint8Array => {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string") return new TextEncoder().encode(value);
  if (vr === "SQ") return join(...(value as readonly Elements[]).map((elements) => item(elements, style)));
  return join(...(value as readonly number[]).map((number) => uint(number, vr === "UL" ? 4 : 2, style)));
};

export function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}

function uint(value: number, size: 2 | 4, { bigEndian }: Style = {}): Uint8Array {
  const bytes = new Uint8Array(size === 2 ? Uint16Array.of(value).buffer : Uint32Array.of(value).buffer);
  return bigEndian ? bytes.reverse() : bytes;
}

const tag = (hex: string, style: Style = {}): Uint8Array =>
  join(uint(parseInt(hex.slice(0, 4), 16), 2, style), uint(parseInt(hex.slice(4, 8), 16), 2, style));

function item(elements: Elements, style: Style): Uint8Array {
  const content = encode(elements, style);
  return join(tag("FFFEE000", style), uint(content.length, 4, style), content);
}

/** A data set, its attributes in ascending order. */
export function encode(elements: Elements, style: Style = {}): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(elements).filter(([, value]) => value !== undefined);
  const sorted = entries.sort(([a], [b]) => (a.toUpperCase() < b.toUpperCase() ? -1 : 1));
  return join(
    ...sorted.flatMap(([key, value]) => {
      const vr = key.slice(9);
      const content = bytesOf(value!, vr, style);
      const padded =
        content.length % 2 ? join(content, Uint8Array.of(vr === "UI" || vr === "OB" ? 0 : 32)) : content;
      const long = [uint(padded.length, 4, style), padded];
      if (style.implicit) return [tag(key, style), ...long];
      const name = new TextEncoder().encode(vr);
      return LONG.includes(vr)
        ? [tag(key, style), name, uint(0, 2), ...long]
        : [tag(key, style), name, uint(padded.length, 2, style), padded];
    }),
  );
}

/** Compressed pixel data: an offset table, and the fragments. */
export function encapsulated(fragments: readonly Uint8Array[], offsets: readonly number[] = []): Uint8Array {
  const even = fragments.map((bytes) => (bytes.length % 2 ? join(bytes, Uint8Array.of(0)) : bytes));
  const table = join(...offsets.map((offset) => uint(offset, 4)));
  return join(
    ...[tag("7FE00010"), new TextEncoder().encode("OB"), uint(0, 2), uint(0xffffffff, 4)],
    ...[tag("FFFEE000"), uint(table.length, 4), table],
    ...even.flatMap((bytes) => [tag("FFFEE000"), uint(bytes.length, 4), bytes]),
    ...[tag("FFFEE0DD"), uint(0, 4)],
  );
}

/** The group 0002 of a file: its transfer syntax. */
export function metaGroup(syntax: string): Uint8Array {
  const meta = encode({ "00020010 UI": syntax });
  return join(encode({ "00020000 UL": [meta.length] }), meta);
}

/** What files begin with: 128 bytes for other programs, and the word DICM. */
export const PREAMBLE = join(new Uint8Array(128), new TextEncoder().encode("DICM"));

/** A DICOM file of these attributes; `pixels` is compressed pixel data to put at its end. */
export function makeDicom(
  elements: Elements,
  syntax = EXPLICIT,
  pixels: Uint8Array = new Uint8Array(0),
): Uint8Array<ArrayBuffer> {
  return join(PREAMBLE, metaGroup(syntax), encode(elements), pixels);
}

/** A grey image of 3 columns and 2 rows with 16 bits, values 0, 10, ... 50, made of what images must have. */
export const IMAGE: Elements = {
  "00080016 UI": "1.2.840.10008.5.1.4.1.1.4",
  "00080018 UI": "1.2.3.1",
  "00080060 CS": "MR",
  "00100010 PN": "Secret^Name",
  "00100020 LO": "ID-12345",
  "00100030 DA": "19700102",
  "0020000D UI": "1.2.3.10",
  "0020000E UI": "1.2.3.11",
  "00200052 UI": "1.2.3.12",
  "00280002 US": [1],
  "00280004 CS": "MONOCHROME2",
  "00280010 US": [2],
  "00280011 US": [3],
  "00280030 DS": "0.5\\0.25",
  "00280100 US": [16],
  "00280101 US": [16],
  "00280102 US": [15],
  "00280103 US": [0],
  "7FE00010 OW": [0, 10, 20, 30, 40, 50],
};

/** As `IMAGE`, a slice of a series at height `z`, with its own number and values. */
export function slice(number: number, z: number, more: Elements = {}): Uint8Array<ArrayBuffer> {
  return makeDicom({
    ...IMAGE,
    "00080018 UI": `1.2.3.1.${number}`,
    "00180050 DS": "9",
    "00200013 IS": String(number),
    "00200032 DS": `-10\\-20\\${z}`,
    "00200037 DS": "1\\0\\0\\0\\1\\0",
    "7FE00010 OW": [number, 10, 20, 30, 40, 50],
    ...more,
  });
}
