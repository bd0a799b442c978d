import { LazyCodec, runCodec, silent } from "./compiledCodec.js";
import {
  assertEnded,
  assertFits,
  type FrameFormat,
  type FrameHeader,
  type RawSamples,
} from "./frameFormat.js";
import { VolumeError } from "./volumeError.js";

// OpenJPEG reads HTJ2K (part 15) too.
const openjpeg = new LazyCodec(async () =>
  (await import("@cornerstonejs/codec-openjpeg/decode")).default(silent()),
);

/** Which samples a codestream holds. */
interface J2kSize extends FrameHeader {
  readonly signed: boolean;
  /** Where the depth of each component stands; its highest bit is the sign. */
  readonly depths: readonly number[];
}

/**
 * Decodes a JPEG 2000 or HTJ2K image of up to 16 bits a sample.
 *
 * @returns samples, and of how many bits they are; negative ones as their two's complement.
 * @throws VolumeError when it is damaged, cut off, of another size, or of components that differ.
 */
export async function decodeJpeg2000(frame: Uint8Array, format: FrameFormat, name: string) {
  const header = readSize(frame, name);
  assertFits(header, format, name);
  assertEnded(frame, name);
  const { bits, signed, depths } = header;
  const decoder = new (await openjpeg.get()).J2KDecoder();
  const run = (bytes: Uint8Array, arrange: (samples: RawSamples) => RawSamples) =>
    runCodec(openjpeg, decoder, bytes, `${name}: JPEG 2000`, arrange);
  if (!signed || bits > 8) return { samples: run(frame, (samples) => samples), bits };
  // The codec gives bytes without a sign, and 0 for all that is negative. Unsigned samples have half of their range
  // subtracted before they are coded (T.800, annex G): decoded as such, they are the signed ones plus that half.
  const unsigned = frame.slice();
  for (const at of depths) unsigned[at] &= 0x7f;
  const half = 2 ** (bits - 1);
  return { samples: run(unsigned, (samples) => samples.map((value) => value ^ half)), bits };
}

/** Size in a JPEG 2000 codestream, also inside a JP2 file. @see ITU-T T.800, A.5.1 */
function readSize(frame: Uint8Array, name: string): J2kSize {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  // SOC and SIZ are the first two markers; a JP2 file has boxes before them.
  let at = 0;
  while (at + 42 <= frame.length && view.getUint32(at) !== 0xff4fff51) at++;
  const components = at + 42 <= frame.length ? view.getUint16(at + 40) : 0;
  if (components === 0 || at + 42 + 3 * components > frame.length)
    throw new VolumeError(`${name}: damaged JPEG 2000: has no size`);
  const depths = Array.from({ length: components }, (_, i) => at + 42 + 3 * i);
  const [first] = depths;
  if (depths.some((own) => frame[own] !== frame[first] || frame[own + 1] !== 1 || frame[own + 2] !== 1))
    throw new VolumeError(
      `${name}: JPEG 2000 whose components have different depths, or not all a sample a pixel, which is not read`,
    );
  const at32 = (offset: number) => view.getUint32(at + offset);
  return {
    ...{ width: at32(8) - at32(16), height: at32(12) - at32(20), components, depths },
    ...{ bits: (frame[first] & 0x7f) + 1, signed: frame[first] >= 0x80 },
  };
}
