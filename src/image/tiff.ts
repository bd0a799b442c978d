import { fromArrayBuffer } from "geotiff";
import { assertSize, ImageError, type Samples } from "./pixels.js";
import type { Raster } from "./raster.js";

/** Tags that are looked at before the library sees the file. */
const TAG = {
  width: 256,
  height: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  stripOffsets: 273,
  samplesPerPixel: 277,
  rowsPerStrip: 278,
  stripByteCounts: 279,
  colourMap: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileByteCounts: 325,
  sampleFormat: 339,
} as const;

/** Bytes of a value, by field type. */
const FIELD_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4];

/** Lossless compressions that the library reads without fetching anything. */
const COMPRESSIONS: Readonly<Record<number, string>> = {
  1: "none",
  5: "LZW",
  8: "Deflate",
  32773: "PackBits",
  32946: "Deflate",
};

const GREY_INVERTED = 0;
const RGB = 2;
const PALETTE = 3;

type Directory = ReadonlyMap<number, readonly number[]>;

/**
 * Reads a TIFF of one page: grey, palette or RGB, integers of 1 to 16 bits as stored, all other numbers as
 * single precision. Alpha is dropped, an orientation tag is not applied.
 *
 * @throws ImageError when the file is damaged, cut off, has more than one page, is of a kind that is not read,
 *   or larger than `MAX_PIXELS`.
 */
export async function readTiff(bytes: Uint8Array, name: string): Promise<Raster> {
  const directory = readDirectory(bytes, name);
  const kind = checkDirectory(directory, bytes.length, name);
  const { width, height, channels, depth, photometric } = kind;
  let rasters;
  try {
    const tiff = await fromArrayBuffer(bytes.slice().buffer);
    const image = await tiff.getImage();
    // The library does not know that without this tag samples have one bit.
    if (!directory.has(TAG.bitsPerSample)) image.fileDirectory.actualizedFields.set(TAG.bitsPerSample, [1]);
    rasters = await image.readRasters({ interleave: true, samples: channels === 3 ? [0, 1, 2] : [0] });
  } catch (error) {
    throw damaged(name, error instanceof Error ? error.message : String(error));
  }
  // Copies, because the library hangs properties of its own on its arrays.
  const data: Samples =
    rasters instanceof Uint8Array || rasters instanceof Uint16Array
      ? rasters.slice()
      : Float32Array.from(rasters as ArrayLike<number>);
  if (data instanceof Float32Array && !data.every(Number.isFinite))
    throw new ImageError(`${name}: has values that are not finite numbers; replace them first`);
  return {
    width,
    height,
    channels,
    depth,
    data,
    ...(photometric === PALETTE && { palette: readPalette(directory, depth, name) }),
    ...(photometric === GREY_INVERTED && { inverted: true }),
  };
}

/** The tags of the only page. Every value lies inside the file. */
function readDirectory(bytes: Uint8Array, name: string): Directory {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  const inside = (offset: number, length: number, what: string) => {
    if (offset + length > bytes.length) throw damaged(name, `is cut off: ${what} lies outside the file`);
  };
  inside(0, 8, "its header");
  if (view.getUint16(2, little) === 43)
    throw new ImageError(`${name}: is a BigTIFF, which is not read; save it as a classic TIFF`);
  const start = view.getUint32(4, little);
  inside(start, 2, "its directory");
  const count = view.getUint16(start, little);
  inside(start + 2, 12 * count + 4, "its directory");
  const directory = new Map<number, readonly number[]>();
  for (let entry = start + 2; entry < start + 2 + 12 * count; entry += 12) {
    const [tag, type] = [view.getUint16(entry, little), view.getUint16(entry + 2, little)];
    const length = view.getUint32(entry + 4, little);
    const size = FIELD_BYTES[type];
    if (size === undefined || size === 0) throw damaged(name, `tag ${tag} has the unknown type ${type}`);
    const offset = size * length <= 4 ? entry + 8 : view.getUint32(entry + 8, little);
    inside(offset, size * length, `tag ${tag}`);
    const read = type === 3 ? view.getUint16.bind(view) : type === 4 ? view.getUint32.bind(view) : undefined;
    if (read)
      directory.set(
        tag,
        Array.from({ length }, (_, i) => read(offset + i * size, little)),
      );
  }
  if (view.getUint32(start + 2 + 12 * count, little) !== 0)
    throw new ImageError(`${name}: has more than one page; save the page to be used as a file of its own`);
  return directory;
}

/** Checks what the library would take on trust, and that the kind of image is one that is read right. */
function checkDirectory(directory: Directory, fileSize: number, name: string) {
  const all = (tag: number) => directory.get(tag) ?? [];
  const value = (tag: number, otherwise?: number): number => {
    const found = all(tag)[0] ?? otherwise;
    if (found === undefined) throw damaged(name, `tag ${tag} is missing`);
    return found;
  };
  const unread = (what: string, expected: string) =>
    new ImageError(`${name}: TIFF with ${what}, which is not read; expected ${expected}`);

  const [width, height] = [value(TAG.width), value(TAG.height)];
  assertSize(width, height, name);
  const compression = value(TAG.compression, 1);
  if (!(compression in COMPRESSIONS))
    throw unread(`compression ${compression}`, [...new Set(Object.values(COMPRESSIONS))].join(", "));
  const photometric = value(TAG.photometric);
  if (photometric > PALETTE)
    throw unread(`colour space ${photometric}`, "grey (0, 1), RGB (2) or palette (3)");
  const samples = value(TAG.samplesPerPixel, 1);
  const channels = photometric === RGB ? 3 : 1;
  if (samples < channels) throw damaged(name, `RGB with ${samples} samples a pixel`);

  const bits = all(TAG.bitsPerSample);
  const depth = bits[0] ?? 1;
  const formats = all(TAG.sampleFormat);
  const same = (list: readonly number[]) => list.every((item) => item === list[0]);
  const allowed = samples === 1 ? [1, 2, 4, 8, 16, 32, 64] : [8, 16, 32, 64];
  if (!allowed.includes(depth) || !same(bits) || !same(formats) || (depth < 8 && (formats[0] ?? 1) !== 1))
    throw unread(`samples of [${bits.join(", ")}] bits`, `${allowed.join(", ")}, equal in all channels`);

  const tiled = directory.has(TAG.tileOffsets);
  const across = tiled ? value(TAG.tileWidth) : width;
  const down = tiled ? value(TAG.tileHeight) : Math.min(value(TAG.rowsPerStrip, height), height);
  if (tiled && (across % 16 !== 0 || down % 16 !== 0))
    throw damaged(name, "tile sides are not multiples of 16");
  assertSize(across, down, `${name} (tiles)`);
  const offsets = all(tiled ? TAG.tileOffsets : TAG.stripOffsets);
  const counts = all(tiled ? TAG.tileByteCounts : TAG.stripByteCounts);
  const pieces = Math.ceil(width / across) * Math.ceil(height / down);
  if (offsets.length < pieces || counts.length < pieces)
    throw damaged(name, `lists ${Math.min(offsets.length, counts.length)} of ${pieces} strips or tiles`);
  if (offsets.some((offset, i) => offset + (counts[i] ?? 0) > fileSize))
    throw damaged(name, "is cut off: a strip or tile lies outside the file");
  return { width, height, channels, depth, photometric } as const;
}

/** The high bytes of the 16-bit colours: all reds, then all greens, then all blues, to RGB a colour. */
function readPalette(directory: Directory, depth: number, name: string): Uint8Array {
  const map = directory.get(TAG.colourMap);
  const colours = 2 ** depth;
  if (map === undefined || map.length !== 3 * colours) throw damaged(name, "its colour map does not fit");
  return Uint8Array.from(map, (_, i) => map[(i % 3) * colours + Math.floor(i / 3)] >> 8);
}

function damaged(name: string, problem: string): ImageError {
  return new ImageError(`${name}: damaged TIFF: ${problem}`);
}
