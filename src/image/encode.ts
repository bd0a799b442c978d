import { PNG } from "#pngjs";
import { ImageError, type LabelImage, type PixelImage } from "./pixels.js";

const GREY = 0;
const RGB = 2;

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
