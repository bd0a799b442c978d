import { HuffmanTable } from "./jpegHuffman.js";
import { VolumeError } from "./volumeError.js";

/** Order in which a block's 64 coefficients are stored: diagonal by diagonal. */
export const ZIGZAG = zigzag();

/** What the headers of a JPEG say; nothing is decoded yet. */
export interface JpegFrame {
  /** Number of the start-of-frame marker: 0 baseline, 1 extended, 2 progressive, 3 lossless, 55 JPEG-LS. */
  readonly process: number;
  readonly bits: number;
  readonly width: number;
  readonly height: number;
  readonly components: number;
}

/** The first scan of a JPEG with all that is needed to decode it. */
export interface JpegScan extends JpegFrame {
  /** The tables of each component. */
  readonly parts: readonly {
    readonly quant?: Float64Array;
    readonly dc?: HuffmanTable;
    readonly ac?: HuffmanTable;
  }[];
  /** Every component has as many samples as the frame. */
  readonly fullSize: boolean;
  readonly restartInterval: number;
  /** First coefficient of the scan; the predictor in lossless ones. */
  readonly first: number;
  /** Bits that were left out below each sample. */
  readonly shift: number;
  /** Where the coded bits begin. */
  readonly start: number;
}

interface Segment {
  readonly marker: number;
  readonly data: Uint8Array;
  readonly end: number;
}

const START_OF_SCAN = 0xda;
/** Huffman tables, an extension and conditions of arithmetic coding: markers among those of frames. */
const NO_FRAMES = [0xc4, 0xc8, 0xcc];

/** Segments up to the coded bits. @throws VolumeError when the file ends before. */
function* segments(bytes: Uint8Array, name: string): Generator<Segment, never> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; ;) {
    while (bytes[at] === 0xff && bytes[at + 1] === 0xff) at++; // fill bytes
    const end = at + 4 <= bytes.length ? at + 2 + view.getUint16(at + 2) : Infinity;
    if (bytes[at] !== 0xff || end > bytes.length || end < at + 4)
      throw new VolumeError(`${name}: damaged JPEG: its header is cut off at byte ${at}`);
    yield { marker: bytes[at + 1], data: bytes.subarray(at + 4, end), end };
    at = end;
  }
}

const isFrame = (marker: number): boolean =>
  (marker >= 0xc0 && marker <= 0xcf && !NO_FRAMES.includes(marker)) || marker === 0xf7;

/** Size and kind of a JPEG or JPEG-LS, so that they can be checked before a decoder takes memory for them. */
export function readJpegFrame(bytes: Uint8Array, name: string): JpegFrame {
  for (const { marker, data } of segments(bytes, name)) {
    if (isFrame(marker)) return frameOf(marker, data, name);
    if (marker === START_OF_SCAN) break;
  }
  throw new VolumeError(`${name}: damaged JPEG: has no frame header`);
}

function frameOf(marker: number, data: Uint8Array, name: string): JpegFrame {
  if (data.length < 6 || data.length < 6 + 3 * data[5])
    throw new VolumeError(`${name}: damaged JPEG: its frame header is cut off`);
  return {
    process: marker - 0xc0,
    bits: data[0],
    height: (data[1] << 8) | data[2],
    width: (data[3] << 8) | data[4],
    components: data[5],
  };
}

/** Reads all up to the first coded bit. @throws VolumeError when something is missing or cut off. */
export function readJpegScan(bytes: Uint8Array, name: string): JpegScan {
  const quantTables: Float64Array[] = [];
  const huffmanTables: HuffmanTable[] = [];
  let frame: JpegFrame | undefined;
  let components: Uint8Array[] = [];
  let restartInterval = 0;
  for (const { marker, data, end } of segments(bytes, name)) {
    if (marker === 0xdb) readQuantTables(data, quantTables);
    else if (marker === 0xc4) readHuffmanTables(data, huffmanTables, name);
    else if (marker === 0xdd) restartInterval = (data[0] << 8) | data[1];
    else if (isFrame(marker)) {
      frame = frameOf(marker, data, name);
      components = Array.from({ length: frame.components }, (_, i) => data.subarray(6 + 3 * i, 9 + 3 * i));
    } else if (marker === START_OF_SCAN) {
      if (frame === undefined || data[0] !== frame.components || data.length < 4 + 2 * data[0])
        throw new VolumeError(`${name}: JPEG whose components are in separate scans, which is not read`);
      const parts = components.map(([, , quant], i) => ({
        quant: quantTables[quant],
        dc: huffmanTables[data[2 + 2 * i] >> 4],
        ac: huffmanTables[0x10 | (data[2 + 2 * i] & 15)],
      }));
      const [first, , approximation] = data.subarray(1 + 2 * data[0]);
      const fullSize = components.every(([, sampling]) => sampling === components[0][1]);
      return { ...frame, parts, fullSize, restartInterval, first, shift: approximation & 15, start: end };
    }
  }
  throw new VolumeError(`${name}: damaged JPEG: has no scan`);
}

function readQuantTables(data: Uint8Array, tables: Float64Array[]): void {
  for (let at = 0; at < data.length;) {
    const [wide, id] = [data[at] >> 4, data[at] & 15];
    at++;
    const table = new Float64Array(64);
    for (let i = 0; i < 64; i++, at += wide ? 2 : 1)
      table[ZIGZAG[i]] = wide ? (data[at] << 8) | data[at + 1] : data[at];
    tables[id] = table;
  }
}

function readHuffmanTables(data: Uint8Array, tables: HuffmanTable[], name: string): void {
  for (let at = 0; at + 17 <= data.length;) {
    const counts = data.subarray(at + 1, at + 17);
    const total = counts.reduce((sum, count) => sum + count, 0);
    tables[data[at]] = new HuffmanTable(counts, data.subarray(at + 17, at + 17 + total), name);
    at += 17 + total;
  }
}

function zigzag(): Uint8Array {
  const cells = Array.from({ length: 64 }, (_, i) => ({ x: i & 7, y: i >> 3, diagonal: (i & 7) + (i >> 3) }));
  // Odd diagonals run down and to the left, even ones up and to the right.
  cells.sort((a, b) => a.diagonal - b.diagonal || (a.diagonal % 2 ? a.y - b.y : a.x - b.x));
  return Uint8Array.from(cells, ({ x, y }) => 8 * y + x);
}
