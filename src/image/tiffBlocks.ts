import { unzlibSync } from "fflate";
import { Decompress as Unzstd } from "fzstd";
import { getDecoder } from "geotiff";
import { readJpeg } from "./jpeg.js";
import { damaged } from "./tiffDirectory.js";

/** How the strips or tiles of a page are stored. */
export interface BlockLayout {
  readonly littleEndian: boolean;
  readonly compression: number;
  readonly predictor: number;
  /** Bits of each byte are stored in reverse. */
  readonly reversedBits: boolean;
  readonly photometric: number;
  readonly bits: number;
  readonly kind: "uint" | "int" | "float";
  /** Pixels from side to side; the last strip has fewer rows. */
  readonly blockWidth: number;
  readonly blockHeight: number;
  /** Samples of a pixel that lie in one block: all, or one where each has blocks of its own. */
  readonly samplesInBlock: number;
  /** What all JPEG streams of the page have in common. */
  readonly jpegTables?: Uint8Array;
}

/** Samples of a strip or tile, row by row; integers of 64 bits are doubles. */
export type Block =
  Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;

/** Compressions that are read. */
export const COMPRESSION = {
  none: 1,
  lzw: 5,
  jpeg: 7,
  deflate: 8,
  packBits: 32773,
  oldDeflate: 32946,
  zstandard: 50000,
} as const;

const YCBCR = 6;
const DIFFERENCES = 2;
const FLOAT_DIFFERENCES = 3;

/**
 * Decodes one strip or tile.
 *
 * @throws ImageError when it is damaged.
 */
export async function decodeBlock(
  encoded: Uint8Array,
  layout: BlockLayout,
  rows: number,
  name: string,
): Promise<Block> {
  if (layout.compression === COMPRESSION.jpeg) return decodeJpeg(encoded, layout, rows, name);
  const { blockWidth, blockHeight, samplesInBlock, bits, kind, predictor } = layout;
  const rowBytes = Math.ceil((blockWidth * samplesInBlock * bits) / 8);
  const stored = layout.reversedBits ? encoded.map(reverseBits) : encoded;
  let decompressed: Uint8Array;
  try {
    decompressed = await decompress(stored, layout.compression, blockHeight * rowBytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw damaged(name, `a strip or tile cannot be decompressed (${reason})`);
  }
  if (decompressed.length < rows * rowBytes)
    throw damaged(name, `a strip or tile has ${decompressed.length} bytes; expected ${rows * rowBytes}`);
  const bytes = decompressed.slice(0, rows * rowBytes); // at the start of a buffer of its own

  if (bits % 8 !== 0) return unpackBits(bytes, bits, blockWidth * samplesInBlock, rows, rowBytes);
  const size = bits / 8;
  if (predictor === FLOAT_DIFFERENCES) {
    for (let start = 0; start < bytes.length; start += rowBytes)
      restoreFloats(bytes.subarray(start, start + rowBytes), samplesInBlock, size);
  } else {
    // Typed arrays have the machine's byte order, which is little-endian wherever JavaScript runs.
    if (!layout.littleEndian && size > 1)
      for (let start = 0; start < bytes.length; start += size) bytes.subarray(start, start + size).reverse();
    if (predictor === DIFFERENCES) addUp(bytes, size, rowBytes, samplesInBlock);
  }
  return typed(bytes, kind, bits);
}

/**
 * geotiff reads whole files too, but adds differences (predictors) up in the wrong byte order in big-endian ones; so
 * only its decompression is used, where fflate and fzstd, which can be held to a size, have none.
 */
async function decompress(encoded: Uint8Array, compression: number, most: number): Promise<Uint8Array> {
  if (compression === COMPRESSION.none) return encoded;
  if (compression === COMPRESSION.deflate || compression === COMPRESSION.oldDeflate)
    return unzlibSync(encoded, { out: new Uint8Array(most) });
  if (compression === COMPRESSION.zstandard) {
    const out = new Uint8Array(most);
    let length = 0;
    new Unzstd((chunk) => {
      if (length + chunk.length > most) throw new Error(`more than ${most} bytes`);
      out.set(chunk, length);
      length += chunk.length;
    }).push(encoded, true);
    return out.subarray(0, length);
  }
  const decoder = await getDecoder(compression, {
    ...{ tileWidth: 0, tileHeight: 0, bitsPerSample: 8, planarConfiguration: 1, predictor: 1 },
  });
  return new Uint8Array(await decoder.decode(encoded.slice().buffer));
}

function typed({ buffer, length }: Uint8Array<ArrayBuffer>, kind: BlockLayout["kind"], bits: number): Block {
  const count = (8 * length) / bits;
  switch (`${kind}${bits}`) {
    case "uint8":
      return new Uint8Array(buffer, 0, count);
    case "uint16":
      return new Uint16Array(buffer, 0, count);
    case "uint32":
      return new Uint32Array(buffer, 0, count);
    case "uint64":
      return Float64Array.from(new BigUint64Array(buffer, 0, count), Number);
    case "int8":
      return new Int8Array(buffer, 0, count);
    case "int16":
      return new Int16Array(buffer, 0, count);
    case "int32":
      return new Int32Array(buffer, 0, count);
    case "int64":
      return Float64Array.from(new BigInt64Array(buffer, 0, count), Number);
    case "float16":
      return Float32Array.from(new Uint16Array(buffer, 0, count), halfToNumber);
    case "float32":
      return new Float32Array(buffer, 0, count);
    default:
      return new Float64Array(buffer, 0, count);
  }
}

/** Predictor 2: each sample is the difference from the one before it of the same channel, modulo 2^bits. */
function addUp(
  { buffer, length }: Uint8Array<ArrayBuffer>,
  size: number,
  rowBytes: number,
  stride: number,
): void {
  if (size === 8) {
    for (let start = 0; start < length; start += rowBytes) {
      const row = new BigUint64Array(buffer, start, rowBytes / size);
      for (let i = stride; i < row.length; i++) row[i] += row[i - stride];
    }
    return;
  }
  const Kind = size === 1 ? Uint8Array : size === 2 ? Uint16Array : Uint32Array;
  for (let start = 0; start < length; start += rowBytes) {
    const row = new Kind(buffer, start, rowBytes / size);
    for (let i = stride; i < row.length; i++) row[i] += row[i - stride];
  }
}

/** Predictor 3: differences of bytes, where a row has all first (highest) bytes, then all second ones, and so on. */
function restoreFloats(row: Uint8Array, stride: number, size: number): void {
  for (let i = stride; i < row.length; i++) row[i] += row[i - stride];
  const planes = row.slice();
  const count = row.length / size;
  for (let i = 0; i < count; i++)
    for (let byte = 0; byte < size; byte++) row[i * size + byte] = planes[(size - 1 - byte) * count + i];
}

/** Samples of 1 to 15 bits, the highest bit first; each row begins with a new byte. */
function unpackBits(
  bytes: Uint8Array,
  bits: number,
  samples: number,
  rows: number,
  rowBytes: number,
): Uint8Array | Uint16Array {
  const out = new (bits <= 8 ? Uint8Array : Uint16Array)(rows * samples);
  for (let row = 0; row < rows; row++) {
    let [at, held, heldBits] = [row * rowBytes, 0, 0];
    for (let i = 0; i < samples; i++) {
      for (; heldBits < bits; heldBits += 8) held = (held << 8) | bytes[at++];
      heldBits -= bits;
      out[row * samples + i] = held >> heldBits;
      held &= (1 << heldBits) - 1;
    }
  }
  return out;
}

/** As libtiff does: the page's tags say what colours a stream holds, not the stream itself. */
async function decodeJpeg(
  encoded: Uint8Array,
  { jpegTables, photometric, blockWidth, samplesInBlock }: BlockLayout,
  rows: number,
  name: string,
): Promise<Uint8Array> {
  const start = jpegTables?.subarray(0, -2) ?? encoded.subarray(0, 2); // without the mark of its end
  // Adobe's marker: 0 for samples as they are, 1 for YCbCr.
  const colours = [0xff, 0xee, 0, 14, 0x41, 0x64, 0x6f, 0x62, 0x65, 0, 100, 0, 0, 0, 0, photometric === YCBCR ? 1 : 0]; // prettier-ignore
  const stream = new Uint8Array(start.length + colours.length + encoded.length - 2);
  stream.set(start);
  stream.set(colours, start.length);
  stream.set(encoded.subarray(2), start.length + colours.length);
  const { width, height, channels, data } = await readJpeg(stream, `${name}: JPEG in TIFF`);
  if (width !== blockWidth || height < rows || channels !== samplesInBlock)
    throw damaged(
      name,
      `a strip or tile is a JPEG of ${width} x ${height} pixels and ${channels} channels; ` +
        `expected ${blockWidth} x ${rows} and ${samplesInBlock}`,
    );
  return data as Uint8Array;
}

function reverseBits(byte: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 8; bit++) reversed |= ((byte >> bit) & 1) << (7 - bit);
  return reversed;
}

function halfToNumber(half: number): number {
  const [exponent, fraction] = [(half >> 10) & 31, half & 1023];
  const size =
    exponent === 31
      ? fraction === 0
        ? Infinity
        : NaN
      : exponent === 0
        ? fraction * 2 ** -24
        : (1024 + fraction) * 2 ** (exponent - 25);
  return half & 0x8000 ? -size : size;
}
