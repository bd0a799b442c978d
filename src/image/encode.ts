import { zlibSync } from "fflate";
import { PNG } from "#pngjs";
import { crc32 } from "./crc32.js";
import { maskColour } from "./overlay.js";
import { ImageError, type LabelImage, type PixelImage } from "./pixels.js";

const GREY = 0;
const RGB = 2;
const PALETTE = 3;

/**
 * Writes a PNG: grey or RGB, of 8 or 16 bits as the samples are. A label map keeps its numbers as grey values.
 *
 * @throws ImageError for single-precision samples, which PNG cannot hold: scale them to 8 bits first.
 */
export function encodePng(image: PixelImage | LabelImage): Uint8Array {
  const { width, height, data } = image;
  if (data instanceof Float32Array)
    throw new ImageError("image: PNG cannot hold real values; apply an intensity preset first");
  const colorType = "channels" in image && image.channels === 3 ? RGB : GREY;
  // pngjs reads 16-bit samples from the start of the buffer that it is given. Typed as a Buffer, any bytes will do.
  const samples = data instanceof Uint16Array ? data.slice() : data;
  return PNG.sync.write({ width, height, data: samples } as unknown as PNG, {
    colorType,
    inputColorType: colorType,
    bitDepth: data instanceof Uint16Array ? 16 : 8,
    inputHasAlpha: false,
  });
}

/**
 * Writes a label map as a PNG with a palette: programs read the labels, people see a colour for each, as in an overlay.
 * Labels above 255 need 16 bits, which have no palette: they are grey values.
 */
export function encodeLabelPng(labels: LabelImage): Uint8Array {
  const { width, height, data } = labels;
  if (data.some((label) => label > 255)) return encodePng(labels);
  // Every row begins with its filter: 0, none.
  const rows = new Uint8Array(height * (width + 1));
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, PALETTE], 8);
  const palette = new Uint8Array(3 * 256);
  for (let label = 1; label < 256; label++) palette.set(maskColour(label - 1), 3 * label);
  const chunks = [
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", header),
    chunk("PLTE", palette),
    chunk("IDAT", zlibSync(rows)),
    chunk("IEND", new Uint8Array()),
  ];
  const out = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of chunks) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function chunk(type: string, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + body.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, body.length);
  out.set(new TextEncoder().encode(type), 4);
  out.set(body, 8);
  view.setUint32(8 + body.length, crc32(out.subarray(4, 8 + body.length)));
  return out;
}
