import { readJpeg } from "../image/jpeg.js";
import { decodeJpegExtended } from "./jpegExtended.js";
import { decodeJpegLossless } from "./jpegLossless.js";
import { readJpegFrame } from "./jpegTables.js";
import { decodeRle } from "./rle.js";
import { VolumeError } from "./volumeError.js";

/** What a frame must turn out to be, by the file's attributes. */
export interface FrameFormat {
  readonly columns: number;
  readonly rows: number;
  readonly samples: number;
  readonly bitsAllocated: number;
  /** As the file says it; "RGB" when a JPEG's colours are not to be converted. */
  readonly photometric: string;
}

/** Samples of one frame, unsigned, those of a pixel side by side. */
export type RawSamples = Uint8Array | Uint16Array | Uint32Array;

interface Codec {
  /** Colours are RGB afterwards, whatever the file says that they were. */
  readonly givesRgb: boolean;
  decode(frame: Uint8Array, format: FrameFormat, name: string): Promise<RawSamples> | RawSamples;
}

const JPEG: Codec = { givesRgb: true, decode: decodeJpeg };
const LOSSLESS: Codec = { givesRgb: false, decode: decodeLossless };
const JPEG_LS: Codec = { givesRgb: false, decode: decodeJpegLs };
const JPEG_2000: Codec = { givesRgb: true, decode: decodeJpeg2000 };
const RLE: Codec = { givesRgb: false, decode: decodeRleFrame };

/** Compressed transfer syntaxes, by UID. */
export const CODECS: ReadonlyMap<string, Codec> = new Map([
  ["1.2.840.10008.1.2.4.50", JPEG],
  ["1.2.840.10008.1.2.4.51", JPEG],
  ["1.2.840.10008.1.2.4.57", LOSSLESS],
  ["1.2.840.10008.1.2.4.70", LOSSLESS],
  ["1.2.840.10008.1.2.4.80", JPEG_LS],
  ["1.2.840.10008.1.2.4.81", JPEG_LS],
  ["1.2.840.10008.1.2.4.90", JPEG_2000],
  ["1.2.840.10008.1.2.4.91", JPEG_2000],
  ["1.2.840.10008.1.2.5", RLE],
]);

function assertFits(
  found: { width: number; height: number; components: number },
  { columns, rows, samples }: FrameFormat,
  name: string,
): void {
  if (found.width !== columns || found.height !== rows || found.components !== samples)
    throw new VolumeError(
      `${name}: compressed image is ${found.width} x ${found.height} of ${found.components} samples; ` +
        `the file says ${columns} x ${rows} of ${samples}`,
    );
}

/** Compressed images end with this marker; without it the rest is missing, which most decoders do not say. */
function assertEnded(frame: Uint8Array, name: string): void {
  let end = frame.length;
  while (end > 2 && (frame[end - 1] === 0 || frame[end - 1] === 0xff)) end--; // padding to an even length
  if (frame[end - 2] !== 0xff || frame[end - 1] !== 0xd9)
    throw new VolumeError(`${name}: compressed image is cut off: its end marker is missing`);
}

async function decodeJpeg(frame: Uint8Array, format: FrameFormat, name: string): Promise<RawSamples> {
  const header = readJpegFrame(frame, name);
  assertFits(header, format, name);
  assertEnded(frame, name);
  if (header.bits > 8) return decodeJpegExtended(frame, name);
  const colour = format.samples === 3 && format.photometric === "RGB" && !saysColours(frame);
  return (await readJpeg(colour ? withAdobeRgb(frame) : frame, name)).data as Uint8Array;
}

/** True when the JPEG itself says, by an APP0 or APP14 segment, what its components are. */
const saysColours = (frame: Uint8Array): boolean => frame[3] === 0xe0 || frame[3] === 0xee;

/** Adds Adobe's segment that says "RGB", without which a decoder takes three components for YCbCr. */
function withAdobeRgb(frame: Uint8Array): Uint8Array {
  const segment = [0xff, 0xee, 0, 14, 0x41, 0x64, 0x6f, 0x62, 0x65, 0, 100, 0, 0, 0, 0, 0];
  return Uint8Array.of(0xff, 0xd8, ...segment, ...frame.subarray(2));
}

function decodeLossless(frame: Uint8Array, format: FrameFormat, name: string): RawSamples {
  assertFits(readJpegFrame(frame, name), format, name);
  assertEnded(frame, name);
  return decodeJpegLossless(frame, name);
}

/** Options of a codec, which keeps the object as its own. */
const silent = () => ({ print: () => {}, printErr: () => {} });

/** A compiled codec, loaded when first needed. */
class LazyCodec<T> {
  private loaded: Promise<T> | undefined;
  constructor(private readonly load: () => Promise<T>) {}

  get(): Promise<T> {
    return (this.loaded ??= this.load());
  }

  /** After a failure its memory may not be as it was. */
  forget(): void {
    this.loaded = undefined;
  }
}

const charls = new LazyCodec(async () =>
  (await import("@cornerstonejs/codec-charls/decode")).default(silent()),
);
const openjpeg = new LazyCodec(async () =>
  (await import("@cornerstonejs/codec-openjpeg/decode")).default(silent()),
);

async function decodeJpegLs(frame: Uint8Array, format: FrameFormat, name: string): Promise<RawSamples> {
  assertFits(readJpegFrame(frame, name), format, name);
  assertEnded(frame, name);
  const decoder = new (await charls.get()).JpegLSDecoder();
  return runCodec(charls, decoder, frame, `${name}: JPEG-LS`, (samples) =>
    format.samples > 1 && decoder.getInterleaveMode() === 0 ? interleave(samples, format.samples) : samples,
  );
}

async function decodeJpeg2000(frame: Uint8Array, format: FrameFormat, name: string): Promise<RawSamples> {
  assertFits(readJ2kSize(frame, name), format, name);
  assertEnded(frame, name);
  const decoder = new (await openjpeg.get()).J2KDecoder();
  return runCodec(openjpeg, decoder, frame, `${name}: JPEG 2000`, (samples) => samples);
}

/** Runs a compiled codec and copies what it gives out of its memory. */
function runCodec(
  codec: LazyCodec<unknown>,
  decoder: DicomCodecDecoder,
  frame: Uint8Array,
  what: string,
  arrange: (samples: Uint8Array | Uint16Array) => RawSamples,
): RawSamples {
  try {
    decoder.getEncodedBuffer(frame.length).set(frame);
    decoder.decode();
    const bytes = Uint8Array.from(decoder.getDecodedBuffer());
    const { width, height, bitsPerSample, componentCount } = decoder.getFrameInfo();
    const samples = bitsPerSample <= 8 ? bytes : new Uint16Array(bytes.buffer);
    if (bitsPerSample > 16 || samples.length !== width * height * componentCount)
      throw new VolumeError(`${what} of ${bitsPerSample} bits a sample, which is not read`);
    return arrange(samples);
  } catch (error) {
    if (error instanceof VolumeError) throw error;
    codec.forget(); // what compiled code throws is a number or text of its own
    throw new VolumeError(`${what} is damaged`);
  } finally {
    decoder.delete();
  }
}

/** Size in a JPEG 2000 codestream, also inside a JP2 file. @see ITU-T T.800, A.5.1 */
function readJ2kSize(frame: Uint8Array, name: string) {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  // SOC and SIZ are the first two markers; a JP2 file has boxes before them.
  let at = 0;
  while (at + 42 <= frame.length && view.getUint32(at) !== 0xff4fff51) at++;
  if (at + 42 > frame.length) throw new VolumeError(`${name}: damaged JPEG 2000: has no size`);
  const at32 = (offset: number) => view.getUint32(at + offset);
  return {
    width: at32(8) - at32(16),
    height: at32(12) - at32(20),
    components: view.getUint16(at + 40),
  };
}

function decodeRleFrame(frame: Uint8Array, format: FrameFormat, name: string): RawSamples {
  const { columns, rows, samples, bitsAllocated } = format;
  const sampleBytes = bitsAllocated / 8;
  const bytes = decodeRle(frame, { pixels: columns * rows, samples, sampleBytes }, name);
  if (sampleBytes === 1) return bytes;
  return sampleBytes === 2 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer);
}

/** Component by component to pixel by pixel. */
export function interleave<T extends RawSamples>(planes: T, samples: number): T {
  const out = planes.slice() as T;
  const pixels = planes.length / samples;
  for (let sample = 0; sample < samples; sample++)
    for (let i = 0; i < pixels; i++) out[i * samples + sample] = planes[sample * pixels + i];
  return out;
}
