import { readJpeg } from "../image/jpeg.js";
import { assertEnded, assertFits, type FrameFormat, type RawSamples } from "./frameFormat.js";
import { concatenate } from "./inflate.js";
import { decodeJpeg2000 } from "./jpeg2000.js";
import { decodeJpegExtended } from "./jpegExtended.js";
import { decodeJpegLossless } from "./jpegLossless.js";
import { decodeJpegLs } from "./jpegLs.js";
import { readJpegFrame } from "./jpegTables.js";
import { decodeRle } from "./rle.js";

/** A decoded frame. */
interface DecodedFrame {
  readonly samples: RawSamples;
  /** Of how many bits the codec knows its samples to be: the highest one is their sign, where the file has signs. */
  readonly bits?: number;
}

interface Codec {
  /** Colours are RGB afterwards, whatever the file says that they were. */
  readonly givesRgb: boolean;
  decode(frame: Uint8Array, format: FrameFormat, name: string): Promise<DecodedFrame> | DecodedFrame;
}

const JPEG: Codec = { givesRgb: true, decode: decodeJpeg };
const LOSSLESS: Codec = { givesRgb: false, decode: decodeLossless };
const JPEG_LS: Codec = { givesRgb: false, decode: decodeJpegLs };
const JPEG_2000: Codec = { givesRgb: false, decode: decodeJpeg2000 };
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
  // HTJ2K: lossless, lossless by resolution, and lossy.
  ["1.2.840.10008.1.2.4.201", JPEG_2000],
  ["1.2.840.10008.1.2.4.202", JPEG_2000],
  ["1.2.840.10008.1.2.4.203", JPEG_2000],
  ["1.2.840.10008.1.2.5", RLE],
]);

async function decodeJpeg(frame: Uint8Array, format: FrameFormat, name: string): Promise<DecodedFrame> {
  const header = readJpegFrame(frame, name);
  assertFits(header, format, name);
  assertEnded(frame, name);
  if (header.bits > 8) return { samples: decodeJpegExtended(frame, name) };
  const colour = format.samples === 3 && format.photometric === "RGB" && !saysColours(frame);
  const { data } = await readJpeg(colour ? withAdobeRgb(frame) : frame, name);
  return { samples: data as Uint8Array };
}

/** True when the JPEG itself says, by an APP0 or APP14 segment, what its components are. */
const saysColours = (frame: Uint8Array): boolean => frame[3] === 0xe0 || frame[3] === 0xee;

/** Adds Adobe's segment that says "RGB", without which a decoder takes three components for YCbCr. */
function withAdobeRgb(frame: Uint8Array): Uint8Array {
  const segment = [0xff, 0xee, 0, 14, 0x41, 0x64, 0x6f, 0x62, 0x65, 0, 100, 0, 0, 0, 0, 0];
  const start = Uint8Array.of(0xff, 0xd8, ...segment);
  return concatenate([start, frame.subarray(2)], start.length + frame.length - 2);
}

function decodeLossless(frame: Uint8Array, format: FrameFormat, name: string): DecodedFrame {
  assertFits(readJpegFrame(frame, name), format, name);
  assertEnded(frame, name);
  return { samples: decodeJpegLossless(frame, name) };
}

function decodeRleFrame(frame: Uint8Array, format: FrameFormat, name: string): DecodedFrame {
  const { columns, rows, samples, bitsAllocated } = format;
  const sampleBytes = bitsAllocated / 8;
  const bytes = decodeRle(frame, { pixels: columns * rows, samples, sampleBytes }, name);
  if (sampleBytes === 1) return { samples: bytes };
  return { samples: sampleBytes === 2 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer) };
}
