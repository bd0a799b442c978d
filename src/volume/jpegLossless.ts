import { JpegBits } from "./jpegHuffman.js";
import { readJpegScan } from "./jpegTables.js";
import { VolumeError } from "./volumeError.js";

/**
 * Decodes a lossless JPEG (process 14, every predictor, grey or colour, 2 to 16 bits).
 *
 * @returns samples row by row, those of a pixel side by side.
 * @throws VolumeError when the file is damaged, cut off or of another kind.
 * @see ITU-T T.81, annex H
 */
export function decodeJpegLossless(bytes: Uint8Array, name: string): Uint16Array {
  const scan = readJpegScan(bytes, name);
  const { process, bits: depth, width, height, parts, first: predictor, shift, restartInterval } = scan;
  if (process !== 3 || !scan.fullSize || depth > 16 || !(predictor >= 1 && predictor <= 7))
    throw new VolumeError(
      `${name}: JPEG of process ${process}, ${depth} bits and predictor ${predictor}, which is not read as lossless`,
    );
  if (restartInterval % width !== 0)
    throw new VolumeError(`${name}: damaged JPEG: restarts every ${restartInterval} of ${width} columns`);
  const bits = new JpegBits(bytes, scan.start, name);
  const channels = parts.length;
  const row = width * channels;
  const data = new Uint16Array(row * height);
  const start = 2 ** (depth - shift - 1);
  const restartRows = restartInterval / width;
  for (let y = 0; y < height; y++) {
    const restarts = restartRows > 0 && y > 0 && y % restartRows === 0;
    if (restarts) bits.restart();
    const firstRow = y === 0 || restarts;
    for (let x = 0; x < width; x++)
      for (let c = 0; c < channels; c++) {
        const at = y * row + x * channels + c;
        const [left, above] = [data[at - channels], data[at - row]];
        let expected: number;
        if (firstRow) expected = x === 0 ? start : left;
        else if (x === 0) expected = above;
        else expected = predict(predictor, left, above, data[at - row - channels]);
        const { dc } = parts[c];
        if (!dc) throw new VolumeError(`${name}: damaged JPEG: a Huffman table is missing`);
        const size = bits.symbol(dc);
        data[at] = expected + (size === 16 ? 32768 : bits.signed(size)); // modulo 65536
      }
  }
  return shift === 0 ? data : data.map((value) => value << shift);
}

/** What a sample is likely to be by those before it. */
function predict(predictor: number, left: number, above: number, corner: number): number {
  switch (predictor) {
    case 1:
      return left;
    case 2:
      return above;
    case 3:
      return corner;
    case 4:
      return left + above - corner;
    case 5:
      return left + ((above - corner) >> 1);
    case 6:
      return above + ((left - corner) >> 1);
    default:
      return (left + above) >> 1;
  }
}
