import { deflateSync } from "node:zlib";
import { crc32 } from "../../../src/image/crc32.js";

export interface PngParts {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  /** 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha. */
  readonly colourType: number;
  readonly interlaced?: boolean;
  /** Samples, row by row, channels side by side. */
  readonly samples: ArrayLike<number>;
  readonly palette?: readonly number[];
  /** Filter of every row; 0 to 4. */
  readonly filter?: number;
}

const CHANNELS: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

/** Writes PNGs of all the kinds that the libraries at hand do not write. */
export function makePng(parts: PngParts): Uint8Array {
  const { width, height, depth, colourType, palette } = parts;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colourType, 0, 0, parts.interlaced ? 1 : 0], 8);
  const raw = (parts.interlaced ? ADAM7 : [[0, 0, 1, 1]]).flatMap((pass) => passRows(parts, pass));
  return pngFile([
    ["IHDR", header],
    ...(palette ? [["PLTE", Uint8Array.from(palette)] as const] : []),
    ["IDAT", deflateSync(Uint8Array.from(raw))],
    ["IEND", new Uint8Array()],
  ]);
}

/** A PNG of the given chunks, with right checksums. */
export function pngFile(chunks: readonly (readonly [type: string, data: Uint8Array])[]): Uint8Array {
  const pieces = chunks.map(([type, data]) => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const frame = Buffer.alloc(body.length + 8);
    frame.writeUInt32BE(data.length, 0);
    frame.set(body, 4);
    frame.writeUInt32BE(crc32(body), body.length + 4);
    return frame;
  });
  return new Uint8Array(Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), ...pieces]));
}

function passRows(
  { width, height, depth, colourType, samples, filter = 0 }: PngParts,
  pass: number[],
): number[] {
  const [x0, y0, dx, dy] = pass;
  const channels = CHANNELS[colourType];
  const step = Math.max(1, (channels * depth) / 8);
  const out: number[] = [];
  let above: number[] = [];
  for (let y = y0; y < height && x0 < width; y += dy) {
    let bits = "";
    for (let x = x0; x < width; x += dx)
      for (let channel = 0; channel < channels; channel++)
        bits += samples[(y * width + x) * channels + channel].toString(2).padStart(depth, "0");
    const row = (bits.padEnd(Math.ceil(bits.length / 8) * 8, "0").match(/.{8}/g) ?? []).map((byte) =>
      parseInt(byte, 2),
    );
    out.push(filter, ...row.map((value, i) => (value - prediction(filter, row, above, i, step)) & 255));
    above = row;
  }
  return out;
}

function prediction(filter: number, row: number[], above: number[], i: number, step: number): number {
  const [a, b, c] = [row[i - step] ?? 0, above[i] ?? 0, above[i - step] ?? 0];
  if (filter === 4) {
    const p = a + b - c;
    const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
  }
  return [0, a, b, (a + b) >> 1][filter];
}
