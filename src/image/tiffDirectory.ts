import { ImageError } from "./pixels.js";

/** The tags that are looked at. */
export const TAG = {
  subfileType: 254,
  width: 256,
  height: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  stripOffsets: 273,
  samplesPerPixel: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  planarConfiguration: 284,
  predictor: 317,
  colourMap: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  extraSamples: 338,
  sampleFormat: 339,
  jpegTables: 347,
  imageDepth: 32997,
} as const;

/** The values of one page's tags; those of `TAG` that are whole numbers. */
export type Directory = ReadonlyMap<number, readonly number[]>;

export interface Directories {
  readonly littleEndian: boolean;
  readonly pages: readonly Directory[];
}

/** Bytes of a value, by field type; 8-byte ones from 16 on are BigTIFF's. */
const FIELD_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8];
/** BYTE, SHORT, LONG, UNDEFINED, IFD, LONG8, IFD8. */
const WHOLE_NUMBERS = [1, 3, 4, 7, 13, 16, 18];
const WANTED = new Set<number>(Object.values(TAG));

/**
 * The tags of all pages of a TIFF or BigTIFF. Every value, strip and tile lies inside the file.
 *
 * @throws ImageError when the file is damaged or cut off.
 */
export function readDirectories(bytes: Uint8Array, name: string): Directories {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const littleEndian = bytes[0] === 0x49;
  const inside = (offset: number, length: number, what: string) => {
    if (offset + length > bytes.length) throw damaged(name, `is cut off: ${what} lies outside the file`);
  };
  const read = (at: number, size: number): number =>
    size === 1
      ? view.getUint8(at)
      : size === 2
        ? view.getUint16(at, littleEndian)
        : size === 4
          ? view.getUint32(at, littleEndian)
          : Number(view.getBigUint64(at, littleEndian));

  inside(0, 16, "its header");
  const isBig = read(2, 2) === 43;
  const [countSize, wordSize] = isBig ? [8, 8] : [2, 4]; // bytes of a directory's length, and of an offset
  const entrySize = 4 + 2 * wordSize;
  const pages: Directory[] = [];
  const seen = new Set<number>();
  let start = read(isBig ? 8 : 4, wordSize);
  while (start !== 0) {
    if (seen.has(start)) throw damaged(name, "its list of pages has no end");
    seen.add(start);
    inside(start, countSize, "a directory");
    const first = start + countSize;
    const end = first + entrySize * read(start, countSize);
    inside(end, wordSize, "a directory");
    const directory = new Map<number, readonly number[]>();
    for (let entry = first; entry < end; entry += entrySize) {
      const [tag, type, length] = [read(entry, 2), read(entry + 2, 2), read(entry + 4, wordSize)];
      if (!WANTED.has(tag) || !WHOLE_NUMBERS.includes(type)) continue;
      const size = FIELD_BYTES[type];
      const value = entry + 4 + wordSize;
      const offset = size * length <= wordSize ? value : read(value, wordSize);
      inside(offset, size * length, `tag ${tag}`);
      directory.set(
        tag,
        Array.from({ length }, (_, i) => read(offset + i * size, size)),
      );
    }
    for (const [offsets, counts] of [
      [TAG.stripOffsets, TAG.stripByteCounts],
      [TAG.tileOffsets, TAG.tileByteCounts],
    ])
      directory
        .get(offsets)
        ?.forEach((offset, i) => inside(offset, directory.get(counts)?.[i] ?? 0, "a strip or tile"));
    pages.push(directory);
    start = read(end, wordSize);
  }
  if (pages.length === 0) throw damaged(name, "it has no page");
  return { littleEndian, pages };
}

export function damaged(name: string, problem: string): ImageError {
  return new ImageError(`${name}: damaged TIFF: ${problem}`);
}
