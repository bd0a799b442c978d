import { assertSize, ImageError, MAX_PIXELS } from "./pixels.js";
import type { Raster } from "./raster.js";
import { COMPRESSION, decodeBlock, type BlockLayout } from "./tiffBlocks.js";
import { damaged, readDirectories, TAG, type Directory } from "./tiffDirectory.js";

/** Names of what is not read, for messages. */
const OTHER_COMPRESSIONS: Readonly<Record<number, string>> = {
  2: "CCITT RLE",
  3: "CCITT fax group 3",
  4: "CCITT fax group 4",
  6: "old-style JPEG",
  33003: "JPEG 2000",
  33005: "JPEG 2000",
  34712: "JPEG 2000",
  34887: "LERC",
  34925: "LZMA",
  50001: "WebP",
  50002: "JPEG XL",
};

const GREY_INVERTED = 0;
const RGB = 2;
const PALETTE = 3;
const YCBCR = 6;
const COLOURS = ["grey", "grey", "RGB", "palette", "transparency mask", "CMYK", "YCbCr", "", "CIELab"];

const REDUCED_OR_MASK = 1 | 4;
const DEPTHS = {
  uint: [...Array.from({ length: 16 }, (_, i) => i + 1), 32, 64],
  int: [8, 16, 32, 64],
  float: [16, 32, 64],
} as const;

interface Layout extends BlockLayout {
  readonly width: number;
  readonly height: number;
  /** Of the image; what else a pixel has is left out. */
  readonly channels: 1 | 3;
  readonly samples: number;
  readonly blocks: readonly { readonly offset: number; readonly length: number }[];
}

/**
 * Reads the first page of full size of a TIFF or BigTIFF: grey, palette or RGB, unsigned integers of 1 to 16 bits as
 * stored, 64-bit numbers and 32-bit integers as doubles, all others as single precision. Alpha is dropped, an
 * orientation tag is not applied.
 *
 * @throws ImageError when the file is damaged, cut off, of a kind that is not read, or larger than `MAX_PIXELS`.
 */
export async function readTiff(bytes: Uint8Array, name: string): Promise<Raster> {
  const { littleEndian, pages } = readDirectories(bytes, name);
  const full = pages.filter((page) => ((page.get(TAG.subfileType)?.[0] ?? 0) & REDUCED_OR_MASK) === 0);
  const page = full[0] ?? pages[0];
  const layout = readLayout(page, littleEndian, name);
  const { width, height, channels, bits: depth, photometric, samples } = layout;
  const warnings: string[] = [];
  if (full.length > 1)
    warnings.push(
      `${name}: has ${full.length} pages; only the first is used. Save others as files of their own`,
    );
  const extra = page.get(TAG.extraSamples) ?? [];
  if (samples - channels > extra.length || extra.includes(0))
    warnings.push(
      `${name}: has ${samples} samples in a pixel; only the first ${channels === 1 ? "is" : "3 are"} used`,
    );
  return {
    ...{ width, height, channels, depth },
    data: await readSamples(bytes, layout, name),
    ...(photometric === PALETTE && { palette: readPalette(page, depth, name) }),
    ...(photometric === GREY_INVERTED && { inverted: true }),
    ...(layout.compression === COMPRESSION.jpeg && { lossy: true }),
    ...(warnings.length > 0 && { warnings }),
  };
}

/** Checks that the image is of a kind that is read, and its sizes before anything is allocated by them. */
function readLayout(page: Directory, littleEndian: boolean, name: string): Layout {
  const all = (tag: number) => page.get(tag) ?? [];
  const value = (tag: number, otherwise?: number): number => {
    const found = all(tag)[0] ?? otherwise;
    if (found === undefined) throw damaged(name, `tag ${tag} is missing`);
    return found;
  };
  const unread = (what: string, expected: string) =>
    new ImageError(`${name}: TIFF with ${what}, which is not read; expected ${expected}`);

  const [width, height] = [value(TAG.width), value(TAG.height)];
  assertSize(width, height, name);
  if (value(TAG.imageDepth, 1) !== 1) throw unread("an image of several slices", "a flat image");
  const compression = value(TAG.compression, 1);
  if (!Object.values<number>(COMPRESSION).includes(compression))
    throw unread(
      `compression ${OTHER_COMPRESSIONS[compression] ?? compression}`,
      "none, LZW, Deflate, PackBits, Zstandard or JPEG",
    );
  const photometric = value(TAG.photometric);
  if (photometric > PALETTE && !(photometric === YCBCR && compression === COMPRESSION.jpeg))
    throw unread(
      `colour space ${COLOURS[photometric] || photometric}`,
      "grey (0, 1), RGB (2), palette (3), or YCbCr (6) in JPEG",
    );
  const samples = value(TAG.samplesPerPixel, 1);
  const channels = photometric === RGB || photometric === YCBCR ? 3 : 1;
  if (samples < channels) throw damaged(name, `a colour image with ${samples} samples a pixel`);

  const depths = page.get(TAG.bitsPerSample) ?? [1];
  const formats = page.get(TAG.sampleFormat) ?? [1];
  const bits = depths[0];
  // 4 is "undefined", which all readers take for unsigned.
  const kind = { 1: "uint", 2: "int", 3: "float", 4: "uint" }[formats[0]] as
    "uint" | "int" | "float" | undefined;
  const mixed = [depths, formats].some((list) => list.some((item) => item !== list[0]));
  if (
    kind === undefined ||
    mixed ||
    !DEPTHS[kind].some((depth) => depth === bits) ||
    (compression === COMPRESSION.jpeg && bits !== 8)
  )
    throw unread(
      `${kind ?? `sample format ${formats[0]},`} samples of [${depths.join(", ")}] bits`,
      compression === COMPRESSION.jpeg
        ? "8 bits in JPEG"
        : "1 to 16, 32 or 64 bits, signed 8 to 64, real 16 to 64, equal in all channels",
    );
  const predictor = compression === COMPRESSION.jpeg ? 1 : value(TAG.predictor, 1);
  if (
    ![1, 2, 3].includes(predictor) ||
    (predictor === 2 && bits % 8 !== 0) ||
    (predictor === 3 && kind !== "float")
  )
    throw unread(
      `predictor ${predictor} of ${kind} samples of ${bits} bits`,
      "none, 2 for whole bytes, 3 for real numbers",
    );

  const tiled = page.has(TAG.tileOffsets);
  const blockWidth = tiled ? value(TAG.tileWidth) : width;
  const blockHeight = tiled ? value(TAG.tileHeight) : Math.min(value(TAG.rowsPerStrip, height), height);
  if (tiled && (blockWidth % 16 !== 0 || blockHeight % 16 !== 0))
    throw damaged(name, "tile sides are not multiples of 16");
  assertSize(blockWidth, blockHeight, `${name} (tiles)`);
  const planar = value(TAG.planarConfiguration, 1) === 2;
  const samplesInBlock = planar ? 1 : samples;
  if (blockWidth * blockHeight * samplesInBlock > 4 * MAX_PIXELS)
    throw unread(
      `strips or tiles of ${blockWidth} x ${blockHeight} pixels with ${samplesInBlock} samples`,
      `at most ${4 * MAX_PIXELS} samples`,
    );
  const offsets = all(tiled ? TAG.tileOffsets : TAG.stripOffsets);
  const counts = all(tiled ? TAG.tileByteCounts : TAG.stripByteCounts);
  const pieces = Math.ceil(width / blockWidth) * Math.ceil(height / blockHeight) * (planar ? channels : 1);
  if (offsets.length < pieces || counts.length < pieces)
    throw damaged(name, `lists ${Math.min(offsets.length, counts.length)} of ${pieces} strips or tiles`);
  const jpegTables = page.get(TAG.jpegTables);
  return {
    ...{ width, height, channels, samples, littleEndian, compression, predictor, photometric, bits, kind },
    ...{ blockWidth, blockHeight, samplesInBlock },
    reversedBits: value(TAG.fillOrder, 1) === 2,
    ...(jpegTables && { jpegTables: Uint8Array.from(jpegTables) }),
    blocks: Array.from({ length: pieces }, (_, i) => ({ offset: offsets[i], length: counts[i] })),
  };
}

async function readSamples(bytes: Uint8Array, layout: Layout, name: string): Promise<Raster["data"]> {
  const { width, height, channels, bits, kind, blockWidth, blockHeight, samplesInBlock, blocks } = layout;
  const Kind =
    kind === "uint" && bits <= 16
      ? bits <= 8
        ? Uint8Array
        : Uint16Array
      : bits <= 16 || (kind === "float" && bits === 32)
        ? Float32Array
        : Float64Array;
  const data = new Kind(width * height * channels);
  const across = Math.ceil(width / blockWidth);
  const inPlane = across * Math.ceil(height / blockHeight);
  for (const [index, { offset, length }] of blocks.entries()) {
    if (length === 0) continue; // left out by the writer: all 0
    const plane = Math.floor(index / inPlane);
    const left = (index % across) * blockWidth;
    const top = Math.floor((index % inPlane) / across) * blockHeight;
    // Tiles are whole, also where they stand out; strips end with the image.
    const rows = Math.min(blockHeight, height - top);
    const block = await decodeBlock(bytes.subarray(offset, offset + length), layout, rows, name);
    const columns = Math.min(blockWidth, width - left);
    const taken = samplesInBlock === 1 ? 1 : channels;
    for (let y = 0; y < rows; y++)
      for (let x = 0; x < columns; x++) {
        const from = (y * blockWidth + x) * samplesInBlock;
        const to = ((top + y) * width + left + x) * channels + plane;
        for (let c = 0; c < taken; c++) data[to + c] = block[from + c];
      }
  }
  return data;
}

/** The high bytes of the 16-bit colours: all reds, then all greens, then all blues, to RGB a colour. */
function readPalette(page: Directory, depth: number, name: string): Uint8Array {
  const map = page.get(TAG.colourMap);
  const colours = 2 ** depth;
  if (map === undefined || map.length !== 3 * colours) throw damaged(name, "its colour map does not fit");
  return Uint8Array.from(map, (_, i) => map[(i % 3) * colours + Math.floor(i / 3)] >> 8);
}
