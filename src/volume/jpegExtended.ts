import { JpegBits, type HuffmanTable } from "./jpegHuffman.js";
import { readJpegScan, ZIGZAG } from "./jpegTables.js";
import { VolumeError } from "./volumeError.js";

/**
 * Decodes a grey JPEG of up to 12 bits a sample (sequential DCT with Huffman codes: processes 1, 2 and 4). Codecs
 * that are built for 8 bits refuse 12, or give zeros.
 *
 * @returns samples row by row.
 * @throws VolumeError when the file is damaged, cut off or of another kind.
 * @see ITU-T T.81, annex F
 */
export function decodeJpegExtended(bytes: Uint8Array, name: string): Uint16Array {
  const { process, bits: depth, width, height, parts, restartInterval, start } = readJpegScan(bytes, name);
  const [{ quant, dc, ac }] = parts;
  if (process > 1 || parts.length !== 1 || depth > 12)
    throw new VolumeError(
      `${name}: JPEG of process ${process} with ${parts.length} components of ${depth} bits, which is not read`,
    );
  if (!quant || !dc || !ac) throw new VolumeError(`${name}: damaged JPEG: tables are missing`);
  const bits = new JpegBits(bytes, start, name);
  const data = new Uint16Array(width * height);
  const across = Math.ceil(width / 8);
  const [middle, most] = [2 ** (depth - 1), 2 ** depth - 1];
  let mean = 0;
  for (let index = 0; index < across * Math.ceil(height / 8); index++) {
    if (restartInterval > 0 && index > 0 && index % restartInterval === 0) {
      bits.restart();
      mean = 0;
    }
    const block = new Float64Array(64);
    mean += bits.signed(bits.symbol(dc));
    block[0] = mean * quant[0];
    readCoefficients(bits, ac, quant, block);
    inverseDct(block);
    const [left, top] = [(index % across) * 8, Math.floor(index / across) * 8];
    for (let y = top; y < Math.min(top + 8, height); y++)
      for (let x = left; x < Math.min(left + 8, width); x++) {
        const value = Math.round(block[(y - top) * 8 + (x - left)]) + middle;
        data[y * width + x] = Math.min(Math.max(value, 0), most);
      }
  }
  return data;
}

/** All coefficients of a block but the first. A symbol is how many zeros come before one, and its bits. */
function readCoefficients(
  bits: JpegBits,
  table: HuffmanTable,
  quant: Float64Array,
  block: Float64Array,
): void {
  for (let k = 1; k < 64; k++) {
    const symbol = bits.symbol(table);
    const [zeros, size] = [symbol >> 4, symbol & 15];
    if (size === 0 && zeros < 15) return; // end of block
    k += zeros;
    const value = bits.signed(size);
    if (k < 64) block[ZIGZAG[k]] = value * quant[ZIGZAG[k]];
  }
}

/** `COSINES[8 x + u]`: what coefficient u adds to sample x. */
const COSINES = Float64Array.from({ length: 64 }, (_, i) => {
  const [x, u] = [i >> 3, i & 7];
  return (u === 0 ? Math.SQRT1_2 : 1) * 0.5 * Math.cos(((2 * x + 1) * u * Math.PI) / 16);
});
const half = new Float64Array(64);

/** In place: first along the rows of 8, then along the columns. */
function inverseDct(block: Float64Array): void {
  for (let v = 0; v < 8; v++)
    for (let x = 0; x < 8; x++) {
      let sum = 0;
      for (let u = 0; u < 8; u++) sum += COSINES[8 * x + u] * block[8 * v + u];
      half[8 * v + x] = sum;
    }
  for (let y = 0; y < 8; y++)
    for (let x = 0; x < 8; x++) {
      let sum = 0;
      for (let v = 0; v < 8; v++) sum += COSINES[8 * y + v] * half[8 * v + x];
      block[8 * y + x] = sum;
    }
}
