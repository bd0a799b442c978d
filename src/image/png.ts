import { Unzlib } from "fflate";
import { crc32 } from "./crc32.js";
import { assertSize, ImageError } from "./pixels.js";
import type { Raster } from "./raster.js";

// Read here, on fflate's inflate, because a file from outside may be damaged: pngjs ends the process on some
// damaged files and knows no palette indices; fast-png fills up what is missing, has no limit on what a few
// kilobytes inflate to, and misreads interlaced images below 8 bits.

/** Samples a pixel and the allowed bits of a sample, by colour type. */
const COLOUR_TYPES: Readonly<
  Record<number, { readonly channels: number; readonly depths: readonly number[] }>
> = {
  0: { channels: 1, depths: [1, 2, 4, 8, 16] }, // grey
  2: { channels: 3, depths: [8, 16] }, // RGB
  3: { channels: 1, depths: [1, 2, 4, 8] }, // palette
  4: { channels: 2, depths: [8, 16] }, // grey and alpha
  6: { channels: 4, depths: [8, 16] }, // RGB and alpha
};

/** A pass over the image: first column and row, and the steps to the next ones. */
type Pass = readonly [x: number, y: number, dx: number, dy: number];
const WHOLE: readonly Pass[] = [[0, 0, 1, 1]];
const ADAM7: readonly Pass[] = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

/** Deflate makes a byte of at most this many. */
const MAX_RATIO = 1032;

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly channels: number;
  readonly passes: readonly Pass[];
}

/**
 * Reads a PNG of any colour type, bit depth and interlacing. A palette image gives its indices and the palette;
 * alpha and colour keys are dropped, colour profiles and gamma are not applied; 16-bit samples stay 16-bit.
 *
 * @throws ImageError when the file is damaged, cut off, or larger than `MAX_PIXELS`.
 * @see W3C Portable Network Graphics (PNG) Specification, third edition
 */
export function readPng(bytes: Uint8Array, name: string): Raster {
  const { header, palette, compressed } = readChunks(bytes, name);
  const raw = inflate(header, compressed, name);
  const { width, height, depth, channels } = header;
  const keep = channels >= 3 ? 3 : 1;
  const data = new (depth === 16 ? Uint16Array : Uint8Array)(width * height * keep);
  let offset = 0;
  for (const pass of header.passes) {
    const { columns, rows, stride } = passSize(header, pass);
    unfilter(raw, offset, rows, stride, Math.max(1, (channels * depth) / 8), name);
    const [x, y, dx, dy] = pass;
    for (let row = 0; row < rows; row++) {
      const line = raw.subarray(offset + 1, offset + stride); // without the filter byte
      for (let column = 0; column < columns; column++) {
        const to = ((y + row * dy) * width + x + column * dx) * keep;
        for (let channel = 0; channel < keep; channel++)
          data[to + channel] = sample(line, column * channels + channel, depth);
      }
      offset += stride;
    }
  }
  return { width, height, channels: keep, depth, data, ...(header.colourType === 3 && { palette }) };
}

/** Walks the chunks and checks their checksums and the header. */
function readChunks(bytes: Uint8Array, name: string) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const compressed: Uint8Array[] = [];
  let header: Header | undefined;
  let palette: Uint8Array | undefined;
  for (let offset = 8; offset + 12 <= bytes.length;) {
    const end = offset + 8 + view.getUint32(offset);
    if (end + 4 > bytes.length) break;
    const type = String.fromCharCode(...bytes.subarray(offset + 4, offset + 8));
    if (crc32(bytes.subarray(offset + 4, end)) !== view.getUint32(end))
      throw damaged(name, `wrong checksum in chunk ${type} at byte ${offset}`);
    const body = bytes.subarray(offset + 8, end);
    if (header === undefined) {
      if (type !== "IHDR" || body.length !== 13) throw damaged(name, "does not start with its header");
      header = readHeader(body, name);
    }
    if (type === "IDAT") compressed.push(body);
    if (type === "PLTE") {
      if (body.length % 3 !== 0) throw damaged(name, `palette of ${body.length} bytes`);
      palette = body;
    }
    if (type === "IEND") {
      if (header.colourType === 3 && palette === undefined) throw damaged(name, "has no palette");
      return { header, palette, compressed };
    }
    offset = end + 4;
  }
  throw damaged(name, "is cut off: ends before its last chunk");
}

function readHeader(body: Uint8Array, name: string): Header {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colourType, compression, filter, interlace] = body.subarray(8);
  assertSize(width, height, name);
  const kind = COLOUR_TYPES[colourType];
  if (kind === undefined || !kind.depths.includes(depth))
    throw damaged(name, `colour type ${colourType} with ${depth} bits does not exist`);
  if (compression !== 0 || filter !== 0 || interlace > 1)
    throw damaged(
      name,
      `unknown method (compression ${compression}, filter ${filter}, interlace ${interlace})`,
    );
  return { width, height, depth, colourType, channels: kind.channels, passes: interlace ? ADAM7 : WHOLE };
}

/** Size of a pass; `stride` counts the bytes of a row with its filter byte. An empty pass has no rows. */
function passSize({ width, height, depth, channels }: Header, [x, y, dx, dy]: Pass) {
  const columns = Math.max(0, Math.ceil((width - x) / dx));
  const rows = columns > 0 ? Math.max(0, Math.ceil((height - y) / dy)) : 0;
  return { columns, rows, stride: 1 + Math.ceil((columns * channels * depth) / 8) };
}

/** The filtered rows of all passes. Exactly as many bytes as the header announces, or an error. */
function inflate(header: Header, compressed: readonly Uint8Array[], name: string): Uint8Array {
  const expected = header.passes
    .map((pass) => passSize(header, pass))
    .reduce((sum, { rows, stride }) => sum + rows * stride, 0);
  const available = compressed.reduce((sum, piece) => sum + piece.length, 0);
  if (available * MAX_RATIO < expected)
    throw damaged(name, `${available} bytes cannot hold the ${expected} that its header announces`);

  const raw = new Uint8Array(expected);
  let size = 0;
  const inflater = new Unzlib((chunk) => {
    if (size + chunk.length > expected)
      throw damaged(name, `holds more than the ${expected} bytes announced`);
    raw.set(chunk, size);
    size += chunk.length;
  });
  try {
    // In small steps, because each is inflated as a whole before its size is known.
    for (const piece of compressed)
      for (let at = 0; at < piece.length; at += 65536) inflater.push(piece.subarray(at, at + 65536));
  } catch (error) {
    throw error instanceof ImageError
      ? error
      : damaged(name, error instanceof Error ? error.message : String(error));
  }
  if (size !== expected) throw damaged(name, `holds ${size} bytes of the ${expected} announced`);
  return raw;
}

/**
 * Undoes the filter of each row in place: every byte was stored as the difference to a prediction from the bytes
 * `step` to the left, above, and left of that.
 */
function unfilter(
  raw: Uint8Array,
  offset: number,
  rows: number,
  stride: number,
  step: number,
  name: string,
): void {
  for (let row = 0; row < rows; row++) {
    const start = offset + row * stride + 1;
    const filter = raw[start - 1];
    if (filter > 4) throw damaged(name, `filter ${filter} in row ${row} does not exist`);
    if (filter === 0) continue;
    for (let i = 0; i < stride - 1; i++) {
      const at = start + i;
      const left = i >= step ? raw[at - step] : 0;
      const above = row > 0 ? raw[at - stride] : 0;
      const corner = row > 0 && i >= step ? raw[at - stride - step] : 0;
      if (filter === 1) raw[at] += left;
      else if (filter === 2) raw[at] += above;
      else if (filter === 3) raw[at] += (left + above) >> 1;
      else raw[at] += paeth(left, above, corner);
    }
  }
}

/** The neighbour that is nearest to `left + above - corner`; ties go to the first. */
function paeth(left: number, above: number, corner: number): number {
  const [toLeft, toAbove] = [Math.abs(above - corner), Math.abs(left - corner)];
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

/** The `index`-th sample of a row of big-endian or packed samples. */
function sample(line: Uint8Array, index: number, depth: number): number {
  if (depth === 8) return line[index];
  if (depth === 16) return (line[2 * index] << 8) | line[2 * index + 1];
  const bit = index * depth;
  return (line[bit >> 3] >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
}

function damaged(name: string, problem: string): ImageError {
  return new ImageError(`${name}: damaged PNG: ${problem}`);
}
