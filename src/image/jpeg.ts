import createCodec from "@cornerstonejs/codec-libjpeg-turbo-8bit/decode";
import { assertSize, ImageError } from "./pixels.js";
import type { Raster } from "./raster.js";

// The build in plain JavaScript: nothing is fetched, so it loads alike in Node, pages and workers.
let codec: ReturnType<typeof createCodec> | undefined;

/**
 * Reads a grey or colour JPEG of 8 bits, baseline or progressive, to the same bytes as Pillow (both use
 * libjpeg-turbo). A rotation noted in EXIF is not applied, as in MedSAM's scripts.
 *
 * @throws ImageError when the file is damaged, cut off, of another kind (CMYK, 12 bits, lossless), or larger
 *   than `MAX_PIXELS`.
 */
export async function readJpeg(bytes: Uint8Array, name: string): Promise<Raster> {
  codec ??= createCodec({ print: () => {}, printErr: () => {} });
  const { JPEGDecoder } = await codec;
  const decoder = new JPEGDecoder();
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.readHeader();
    const { width, height, bitsPerSample, componentCount: channels } = decoder.getFrameInfo();
    assertSize(width, height, name);
    if (bitsPerSample !== 8 || (channels !== 1 && channels !== 3))
      throw new ImageError(
        `${name}: JPEG with ${channels} components of ${bitsPerSample} bits; expected grey or RGB of 8 bits`,
      );
    decoder.decode();
    // A copy: the decoded bytes are a clamped view into the codec's memory.
    const data = Uint8Array.from(decoder.getDecodedBuffer());
    return { width, height, channels, depth: 8, data, lossy: true };
  } catch (error) {
    if (error instanceof ImageError) throw error;
    // What the compiled code throws is a number without a message, and may leave its stack as it was.
    codec = undefined;
    throw new ImageError(`${name}: damaged JPEG, or of a kind that is not read (CMYK, 12 bits, lossless)`);
  } finally {
    decoder.delete();
  }
}
