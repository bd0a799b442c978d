import { describe, expect, test } from "vitest";
import { readDicom } from "../../../src/volume/dicomVolume.js";
import { fileWorks } from "../../fileWorks.js";
import {
  encodeHtj2k,
  encodeJ2k,
  encodeJpegLossless,
  encodeJpegLs,
  encodeRle,
  type Picture,
} from "./encoders.js";
import { encapsulated, IMAGE, join, makeDicom, type Elements } from "./makeDicom.js";

const [COLUMNS, ROWS] = [12, 10];

/** A codec of a transfer syntax, and the samples that it can hold. */
interface Case {
  readonly syntax: string;
  readonly bits: (stored: number, allocated: number) => number[];
  readonly encode: (picture: Picture, wide: boolean) => Uint8Array[];
  /** Bits of colours that its encoder can write. */
  readonly colours: readonly number[];
  /** Whether a frame's first bytes say that one begins, so that no table of offsets is needed. */
  readonly marked: boolean;
}

const both = (stored: number, allocated: number) => [...new Set([stored, allocated])];
/** Codestreams that call their samples unsigned and signed: writers are not always right about it. */
const signs = (encode: (picture: Picture, signed: boolean) => Uint8Array) => (picture: Picture) =>
  [false, true].map((signed) => encode(picture, signed));
const CODECS: Readonly<Record<string, Case>> = {
  "JPEG 2000": {
    syntax: "1.2.840.10008.1.2.4.90",
    bits: both,
    encode: signs(encodeJ2k),
    colours: [8],
    marked: true,
  },
  HTJ2K: {
    syntax: "1.2.840.10008.1.2.4.201",
    bits: both,
    encode: signs(encodeHtj2k),
    colours: [8],
    marked: true,
  },
  "JPEG-LS": { syntax: "1.2.840.10008.1.2.4.80", bits: both, encode: (picture) => [encodeJpegLs(picture)], colours: [8, 16], marked: true }, // prettier-ignore
  "lossless JPEG": { syntax: "1.2.840.10008.1.2.4.57", bits: both, encode: (picture) => [encodeJpegLossless(picture)], colours: [8, 16], marked: true }, // prettier-ignore
  RLE: { syntax: "1.2.840.10008.1.2.5", bits: (_, allocated) => [allocated], encode: (picture, wide) => [encodeRle(picture, wide)], colours: [8, 16], marked: false }, // prettier-ignore
};

const DEPTHS = [[8, 5], [8, 7], [8, 8], [16, 8], [16, 10], [16, 12], [16, 16]] as const; // prettier-ignore

/** Values over the whole range, both ends included. */
function valuesOf(frame: number, stored: number, signed: boolean): number[] {
  const [low, count] = [signed ? -(2 ** (stored - 1)) : 0, 2 ** stored];
  const values = Array.from({ length: COLUMNS * ROWS }, (_, i) => low + ((i * i * 7919 + i * 31 + frame * 977) % count)); // prettier-ignore
  return [low, low + count - 1, ...values.slice(2)];
}

const split = (bytes: Uint8Array, parts: number): Uint8Array[] => {
  const even = bytes.length % 2 ? join(bytes, Uint8Array.of(0)) : bytes;
  const size = 2 * Math.ceil(even.length / parts / 2);
  return Array.from({ length: parts }, (_, i) => even.slice(i * size, (i + 1) * size)).filter(({ length }) => length > 0); // prettier-ignore
};

/** Compressed pixel data of frames with so many fragments each, with or without a table of offsets. */
function pixelData(frames: readonly Uint8Array[], fragments: number, table: boolean): Uint8Array {
  const parts = frames.map((frame) => split(frame, fragments));
  const lengths = parts.map((own) => own.reduce((sum, { length }) => sum + length + 8, 0));
  const offsets = lengths.map((_, i) => lengths.slice(0, i).reduce((sum, length) => sum + length, 0));
  return encapsulated(parts.flat(), table ? offsets : []);
}

const header = (allocated: number, stored: number, signed: boolean, more: Elements): Elements => ({
  ...IMAGE,
  ...{ "00280010 US": [ROWS], "00280011 US": [COLUMNS], "00280100 US": [allocated], "00280101 US": [stored] },
  ...{ "00280102 US": [stored - 1], "00280103 US": [signed ? 1 : 0], "7FE00010 OW": undefined },
  ...more,
});

/** Reads what `encode` makes of these values; each variant that a codec has of them. */
async function decodings(
  { syntax, bits, encode }: Case,
  {
    allocated,
    stored,
    signed,
    frames = 1,
  }: { allocated: number; stored: number; signed: boolean; frames?: number },
  [fragments, table]: readonly [fragments: number, table: boolean] = [1, false],
): Promise<{ what: string; found: number[]; expected: number[] }[]> {
  const pictures = Array.from({ length: frames }, (_, frame) => valuesOf(frame, stored, signed));
  const files = bits(stored, allocated).flatMap((depth) => {
    const encoded = pictures.map((values) => {
      const codes = values.map((value) => value & (2 ** depth - 1));
      return encode({ columns: COLUMNS, rows: ROWS, samples: 1, bits: depth, codes }, allocated > 8);
    });
    return encoded[0].map((_, variant) => ({
      what: `${depth} bits in the codestream, variant ${variant}, signed: ${signed}`,
      pixels: pixelData(encoded.map((own) => own[variant]), fragments, table), // prettier-ignore
    }));
  });
  const more = frames > 1 ? { "00280008 IS": String(frames) } : {};
  const read = files.map(async ({ what, pixels }) => {
    const { data } = await readDicom(
      makeDicom(header(allocated, stored, signed, more), syntax, pixels),
      "a.dcm",
    );
    return { what, found: [...data], expected: pictures.flat() };
  });
  return Promise.all(read);
}

fileWorks(
  {
    format: "DICOM",
    from: "Archives (PACS)",
    habit: "JPEG 2000, HTJ2K, JPEG-LS, lossless JPEG or RLE; several frames, with a table of offsets",
    result: "the pixels that were compressed, exactly",
  },
  async () => {
    for (const codec of Object.values(CODECS))
      for (const { what, found, expected } of await decodings(
        codec,
        { allocated: 16, stored: 12, signed: true, frames: 2 },
        [1, true],
      ))
        // prettier-ignore
        expect(found, `${codec.syntax}: ${what}`).toEqual(expected);
  },
);

describe.each(Object.entries(CODECS))("%s", (_, codec) => {
  test.each(DEPTHS)("%i bits allocated, %i stored, with and without sign", async (allocated, stored) => {
    for (const signed of [false, true])
      for (const { what, found, expected } of await decodings(codec, { allocated, stored, signed }))
        expect(found, what).toEqual(expected);
  });

  test.each([
    ["a frame in three fragments", 1, 3, true],
    ["three frames, a fragment each", 3, 1, true],
    ["three frames, a fragment each, no table of offsets", 3, 1, false],
    ["three frames of two fragments", 3, 2, true],
    ["three frames of three fragments, no table of offsets", 3, 3, false],
  ] as const)("%s", async (_, frames, fragments, table) => {
    const layout = decodings(codec, { allocated: 16, stored: 12, signed: true, frames }, [fragments, table]);
    // Only the table says where a frame of run lengths begins.
    if (!codec.marked && frames > 1 && fragments > 1 && !table)
      return expect(layout).rejects.toThrow("has 9 fragments that do not make up the 3 of NumberOfFrames");
    for (const { what, found, expected } of await layout) expect(found, what).toEqual(expected);
  });

  test.each(codec.colours)("colours of %i bits", async (bits) => {
    const codes = Array.from({ length: 3 * COLUMNS * ROWS }, (_, i) => (i * i * 7919 + i * 31) % 2 ** bits);
    const picture = { columns: COLUMNS, rows: ROWS, samples: 3, bits, codes } as const;
    const colours = { "00280002 US": [3], "00280004 CS": "RGB", "00280006 US": [0] };
    for (const frame of codec.encode(picture, bits > 8)) {
      const file = makeDicom(header(bits, bits, false, colours), codec.syntax, encapsulated([frame]));
      expect([...(await readDicom(file, "a.dcm")).data]).toEqual(codes);
    }
  });
});

describe("JPEG 2000 says more than the file", () => {
  const codes = Array.from({ length: COLUMNS * ROWS }, (_, i) => (i * 37) % 4096);
  const frame = encodeJ2k({ columns: COLUMNS, rows: ROWS, samples: 1, bits: 12, codes });
  const read = (elements: Elements, bytes = frame) =>
    readDicom(makeDicom(elements, "1.2.840.10008.1.2.4.90", encapsulated([bytes])), "a.dcm");

  test("more bits than are allocated: refused", async () => {
    await expect(read(header(8, 8, false, {}))).rejects.toThrow(
      "a.dcm: compressed image has 12 bits a sample; the file says 8",
    );
  });

  fileWorks(
    {
      format: "DICOM",
      from: "JPEG 2000 encoders",
      habit: "signed values in a codestream of fewer bits than BitsStored",
      result: "signed values: the sign is the codestream's highest bit, as in pydicom",
    },
    async () => {
      const signed = codes.map((code) => (code << 20) >> 20);
      expect([...(await read(header(16, 16, true, {}))).data]).toEqual(signed);
    },
  );

  test("components without a sample for each pixel: refused", async () => {
    const halved = frame.slice();
    halved[43] = 2;
    await expect(read(header(16, 12, false, {}), halved)).rejects.toThrow(
      "a.dcm: JPEG 2000 whose components have different depths, or not all a sample a pixel",
    );
  });
});
