import { LazyCodec, runCodec, silent } from "./compiledCodec.js";
import { assertEnded, assertFits, interleave, type FrameFormat } from "./frameFormat.js";
import { readJpegFrame } from "./jpegTables.js";

const charls = new LazyCodec(async () =>
  (await import("@cornerstonejs/codec-charls/decode")).default(silent()),
);

/**
 * Decodes a JPEG-LS image of up to 16 bits a sample.
 *
 * @returns samples, and of how many bits they are.
 * @throws VolumeError when it is damaged, cut off or of another size.
 */
export async function decodeJpegLs(frame: Uint8Array, format: FrameFormat, name: string) {
  const header = readJpegFrame(frame, name);
  assertFits(header, format, name);
  assertEnded(frame, name);
  const decoder = new (await charls.get()).JpegLSDecoder();
  const samples = runCodec(charls, decoder, frame, `${name}: JPEG-LS`, (decoded) =>
    format.samples > 1 && decoder.getInterleaveMode() === 0 ? interleave(decoded, format.samples) : decoded,
  );
  return { samples, bits: header.bits };
}
