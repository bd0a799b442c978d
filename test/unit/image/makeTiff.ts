import { zlibSync } from "fflate";

/** What a TIFF of one test is to be. Written from the specification (TIFF 6.0, BigTIFF), not from our reader. */
export interface TiffPage {
  readonly width: number;
  readonly height: number;
  /** Samples of a pixel; 1 when left out. */
  readonly samples?: number;
  readonly bits: number;
  readonly kind?: "uint" | "int" | "float";
  /** Row by row, the samples of a pixel side by side. */
  readonly values: ArrayLike<number>;
  readonly photometric?: number;
  readonly compression?: "none" | "deflate" | "packbits";
  /** 2 or 3. */
  readonly predictor?: number;
  readonly planar?: boolean;
  /** Rows of a strip; all when left out. */
  readonly rowsPerStrip?: number;
  /** Sides of a tile, multiples of 16. */
  readonly tile?: readonly [width: number, height: number];
  readonly reversedBits?: boolean;
  /** Any further tags of type SHORT. */
  readonly tags?: Readonly<Record<number, readonly number[]>>;
}

export interface TiffOptions {
  readonly littleEndian?: boolean;
  readonly big?: boolean;
}

const COMPRESSIONS = { none: 1, deflate: 8, packbits: 32773 };
const FORMATS = { uint: 1, int: 2, float: 3 };

export function makeTiff(
  pages: readonly TiffPage[],
  { littleEndian = true, big = false }: TiffOptions = {},
): Uint8Array {
  const out: number[] = [];
  const number = (value: number, size: number): number[] => {
    const bytes = Array.from({ length: size }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256);
    return littleEndian ? bytes : bytes.reverse();
  };
  const put = (...bytes: number[]) => {
    for (const byte of bytes) out.push(byte);
  };
  const [word, countSize] = big ? [8, 8] : [4, 2];
  put(...(littleEndian ? [0x49, 0x49] : [0x4d, 0x4d]), ...number(big ? 43 : 42, 2));
  if (big) put(...number(8, 2), ...number(0, 2));
  let link = out.length; // where the next directory's place is written
  put(...number(0, word));
  for (const page of pages) {
    const blocks = blocksOf(page, littleEndian).map((bytes) => {
      const offset = out.length;
      put(...bytes);
      return { offset, length: bytes.length };
    });
    const { width, height, samples = 1, bits, kind = "uint", compression = "none", tile } = page;
    const short = (tag: number, ...values: number[]) => ({ tag, type: 3, size: 2, values });
    const long = (tag: number, ...values: number[]) => ({ tag, type: big ? 16 : 4, size: word, values });
    const entries = [
      ...[short(256, width), short(257, height), short(258, ...Array<number>(samples).fill(bits))],
      short(259, COMPRESSIONS[compression]),
      short(262, page.photometric ?? (samples >= 3 ? 2 : 1)),
      short(277, samples),
      short(339, ...Array<number>(samples).fill(FORMATS[kind])),
      ...(page.planar ? [short(284, 2)] : []),
      ...(page.predictor ? [short(317, page.predictor)] : []),
      ...(page.reversedBits ? [short(266, 2)] : []),
      ...(tile ? [short(322, tile[0]), short(323, tile[1])] : [short(278, page.rowsPerStrip ?? height)]),
      long(tile ? 324 : 273, ...blocks.map(({ offset }) => offset)),
      long(tile ? 325 : 279, ...blocks.map(({ length }) => length)),
      ...Object.entries(page.tags ?? {}).map(([tag, values]) => short(Number(tag), ...values)),
    ].sort((a, b) => a.tag - b.tag);
    const written = entries.map(({ tag, type, size, values }) => {
      const bytes = values.flatMap((value) => number(value, size));
      const offset = out.length;
      if (bytes.length > word) put(...bytes);
      const field =
        bytes.length > word
          ? number(offset, word)
          : [...bytes, ...Array<number>(word - bytes.length).fill(0)];
      return [...number(tag, 2), ...number(type, 2), ...number(values.length, word), ...field];
    });
    out.splice(link, word, ...number(out.length, word));
    put(...number(entries.length, countSize), ...written.flat());
    link = out.length;
    put(...number(0, word));
  }
  return Uint8Array.from(out);
}

/** The encoded strips or tiles of a page. */
function blocksOf(page: TiffPage, littleEndian: boolean): Uint8Array[] {
  const { width, height, samples = 1, values, planar, tile } = page;
  const [across, down] = tile ?? [width, page.rowsPerStrip ?? height];
  const blocks: Uint8Array[] = [];
  for (const plane of planar
    ? Array.from({ length: samples }, (_, c) => [c])
    : [Array.from({ length: samples }, (_, c) => c)])
    for (let top = 0; top < height; top += down)
      for (let left = 0; left < width; left += across) {
        const rows = tile ? down : Math.min(down, height - top);
        const bytes: number[] = [];
        for (let y = top; y < top + rows; y++) {
          const row: number[][] = [];
          for (let x = left; x < left + across; x++) {
            const inside = x < width && y < height;
            row.push(plane.map((c) => (inside ? values[(y * width + x) * samples + c] : 0)));
          }
          bytes.push(...rowBytes(row, page, littleEndian));
        }
        blocks.push(compressed(Uint8Array.from(bytes), page));
      }
  return blocks;
}

function rowBytes(pixels: readonly (readonly number[])[], page: TiffPage, littleEndian: boolean): number[] {
  const { bits, predictor = 1 } = page;
  const stride = pixels[0].length;
  if (bits % 8 !== 0) {
    const text = pixels
      .flat()
      .map((value) => value.toString(2).padStart(bits, "0"))
      .join("");
    return (text.match(/.{1,8}/g) ?? []).map((byte) => parseInt(byte.padEnd(8, "0"), 2));
  }
  const size = bits / 8;
  const stored = pixels.flat().map((value) => bitsOf(value, page)); // as unsigned integers
  if (predictor === 3) {
    const planes = Array.from({ length: size }, (_, byte) =>
      stored.map((value) => Number((value >> BigInt(8 * (size - 1 - byte))) & 255n)),
    ).flat();
    return planes.map((byte, i) => (i < stride ? byte : (byte - planes[i - stride] + 256) % 256));
  }
  const differences =
    predictor === 2
      ? stored.map((v, i) => (i < stride ? v : BigInt.asUintN(bits, v - stored[i - stride])))
      : stored;
  return differences.flatMap((value) => {
    const bytes = Array.from({ length: size }, (_, byte) => Number((value >> BigInt(8 * byte)) & 255n));
    return littleEndian ? bytes : bytes.reverse();
  });
}

function bitsOf(value: number, { bits, kind = "uint" }: TiffPage): bigint {
  if (kind !== "float") return BigInt.asUintN(bits, BigInt(value));
  const view = new DataView(new ArrayBuffer(8));
  if (bits === 64) view.setFloat64(0, value);
  else view.setFloat32(0, value);
  if (bits === 64) return view.getBigUint64(0);
  const single = view.getUint32(0);
  if (bits === 32) return BigInt(single);
  // Half precision, of values that it holds exactly and that are 0 or normal.
  const exponent = ((single >> 23) & 255) - 127 + 15;
  return BigInt(((single >>> 31) << 15) | (value === 0 ? 0 : (exponent << 10) | ((single >> 13) & 1023)));
}

function compressed(bytes: Uint8Array, { compression, reversedBits }: TiffPage): Uint8Array {
  const encoded =
    compression === "deflate" ? zlibSync(bytes) : compression === "packbits" ? packBits(bytes) : bytes;
  if (!reversedBits) return encoded;
  return encoded.map((byte) => parseInt([...byte.toString(2).padStart(8, "0")].reverse().join(""), 2));
}

/** Runs of up to 128 equal bytes, and single bytes as literals. */
function packBits(bytes: Uint8Array): Uint8Array {
  const out: number[] = [];
  for (let i = 0; i < bytes.length;) {
    let run = 1;
    while (run < 128 && bytes[i + run] === bytes[i]) run++;
    out.push(run === 1 ? 0 : 257 - run, bytes[i]);
    i += run;
  }
  return Uint8Array.from(out);
}
