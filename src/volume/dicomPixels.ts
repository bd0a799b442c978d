import type { NumberArray } from "../image/pixels.js";
import { CODECS, interleave, type FrameFormat, type RawSamples } from "./dicomCodecs.js";
import type { DicomDataSet } from "./dicomDataSet.js";
import { compressedFrames } from "./dicomFrames.js";
import { shownTag } from "./dicomTags.js";
import { typedBytes } from "./typedBytes.js";
import { assertVoxels } from "./volume.js";
import { VolumeError } from "./volumeError.js";
import { unpack422, ybrToRgb } from "./ybr.js";

/** How the pixels of a file are stored. */
export interface PixelFormat extends FrameFormat {
  readonly frames: number;
  readonly bitsStored: number;
  readonly signed: boolean;
  /** The samples of a colour lie together, not those of a pixel. */
  readonly planar: boolean;
}

const UNCOMPRESSED = [
  "1.2.840.10008.1.2",
  "1.2.840.10008.1.2.1",
  "1.2.840.10008.1.2.1.99",
  "1.2.840.10008.1.2.2",
];
const GREY = ["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"];
const COLOUR = ["RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT"];

/**
 * How the pixels are stored; checked, so that it can be trusted.
 *
 * @throws VolumeError naming the attribute that is missing, contradicts another, or says what is not read.
 */
export function readPixelFormat(set: DicomDataSet): PixelFormat {
  const { name, transferSyntax } = set;
  if (set.element("PixelData") === undefined) throw noPixels(set);
  if (!UNCOMPRESSED.includes(transferSyntax) && !CODECS.has(transferSyntax))
    throw new VolumeError(
      `${name}: ${shownTag("TransferSyntaxUID")} is ${transferSyntax}, which is not read; ` +
        "store the image uncompressed or as JPEG, JPEG-LS, JPEG 2000 or RLE",
    );
  const [rows, columns] = [set.requiredUint16("Rows"), set.requiredUint16("Columns")];
  const samples = set.requiredUint16("SamplesPerPixel");
  const frames = set.number("NumberOfFrames") ?? 1;
  const photometric = set.requiredText("PhotometricInterpretation");
  const bitsAllocated = set.requiredUint16("BitsAllocated");
  const bitsStored = set.uint16("BitsStored") ?? bitsAllocated;
  const highBit = set.uint16("HighBit") ?? bitsStored - 1;
  const allowed = samples === 1 ? GREY : COLOUR;
  if ((samples !== 1 && samples !== 3) || !allowed.includes(photometric))
    throw new VolumeError(
      `${name}: ${shownTag("PhotometricInterpretation")} is ${photometric} with ${samples} samples a pixel; ` +
        `expected ${GREY.join(", ")} with 1, or ${COLOUR.join(", ")} with 3`,
    );
  const depths = samples === 1 ? [1, 8, 16, 32] : [8];
  if (
    !depths.includes(bitsAllocated) ||
    bitsStored < 1 ||
    bitsStored > bitsAllocated ||
    highBit !== bitsStored - 1
  )
    throw new VolumeError(
      `${name}: ${bitsStored} bits of ${bitsAllocated}, the highest number ${highBit} ` +
        `(${shownTag("BitsStored")} and its neighbours); expected ${depths.join(", ")} bits, used from the lowest on`,
    );
  assertVoxels([columns, rows, 1], frames, samples, name);
  return {
    ...{ rows, columns, samples, frames, photometric, bitsAllocated, bitsStored },
    signed: set.uint16("PixelRepresentation") === 1,
    planar: set.uint16("PlanarConfiguration") === 1,
  };
}

/**
 * Stored values of all frames, row by row, the samples of a pixel side by side; colours are RGB. The kind of array
 * follows the bits and the sign.
 *
 * @throws VolumeError when pixels are missing or damaged.
 */
export async function decodePixels(set: DicomDataSet, format: PixelFormat): Promise<NumberArray> {
  const codec = CODECS.get(set.transferSyntax);
  const pixels = set.element("PixelData");
  if (pixels === undefined) throw noPixels(set);
  const { samples, photometric, frames, rows, columns } = format;
  const isRgb = samples === 1 || photometric === "RGB" || codec?.givesRgb === true;
  if (codec === undefined) {
    const values = nativePixels(set, format);
    return isRgb ? values : ybrToRgb(values as Uint8Array);
  }
  const size = rows * columns * samples;
  const out = storedArray(format, frames * size);
  for (const [index, frame] of compressedFrames(set, pixels, frames).entries()) {
    const what = frames === 1 ? set.name : `${set.name}, frame ${index + 1}`;
    const raw = await codec.decode(frame, format, what);
    out.set(toStored(raw, format), index * size);
  }
  return isRgb ? out : ybrToRgb(out as Uint8Array);
}

function nativePixels(set: DicomDataSet, format: PixelFormat): NumberArray {
  const { rows, columns, frames, samples, bitsAllocated, photometric, planar } = format;
  const pixels = rows * columns * frames;
  const halved = photometric === "YBR_FULL_422";
  const bits = pixels * (halved ? 2 : samples) * bitsAllocated;
  const { dataOffset, length, vr } = set.element("PixelData")!;
  if (length < bits / 8)
    throw new VolumeError(
      `${set.name}: ${shownTag("PixelData")} has ${length} bytes; expected ${Math.ceil(bits / 8)} for ` +
        `${columns} x ${rows} pixels in ${frames} frames`,
    );
  const bytes = set.bytes(dataOffset, Math.ceil(bits / 8));
  if (bitsAllocated === 1)
    return Uint8Array.from({ length: pixels }, (_, i) => (bytes[i >> 3] >> (i & 7)) & 1);
  // Bytes in words (OW) are swapped with their neighbour when words are big-endian.
  const words = vr === "OW" && !set.littleEndian && bitsAllocated === 8;
  const kind = ({ 8: "uint8", 16: "uint16", 32: "uint32" } as const)[bitsAllocated as 8 | 16 | 32];
  const raw = typedBytes(words ? swapped(bytes) : bytes, kind, set.littleEndian, set.name) as RawSamples;
  if (halved) return unpack422(raw as Uint8Array);
  if (samples === 1 || !planar) return toStored(raw, format);
  const out = storedArray(format, raw.length);
  const size = rows * columns * samples;
  for (let start = 0; start < raw.length; start += size)
    out.set(toStored(interleave(raw.subarray(start, start + size), samples), format), start);
  return out;
}

function swapped(bytes: Uint8Array): Uint8Array {
  return bytes.map((_, i) => bytes[i ^ 1] ?? bytes[i]);
}

/** An array for stored values, by their bits and sign. */
export function storedArray({ bitsAllocated, signed }: PixelFormat, length: number): NumberArray {
  if (bitsAllocated <= 8) return new (signed ? Int8Array : Uint8Array)(length);
  if (bitsAllocated === 16) return new (signed ? Int16Array : Uint16Array)(length);
  return new (signed ? Int32Array : Uint32Array)(length);
}

/** Unsigned samples as the values that they mean: bits above those stored are cut off, or filled with the sign. */
function toStored(raw: RawSamples, format: PixelFormat): NumberArray {
  const { bitsStored, signed } = format;
  const out = storedArray(format, raw.length);
  const unused = 32 - bitsStored;
  if (signed) for (let i = 0; i < raw.length; i++) out[i] = (raw[i] << unused) >> unused;
  else for (let i = 0; i < raw.length; i++) out[i] = (raw[i] << unused) >>> unused;
  return out;
}

function noPixels(set: DicomDataSet): VolumeError {
  const modality = set.text("Modality");
  return new VolumeError(
    `${set.name}: has no ${shownTag("PixelData")}` +
      `${modality ? `; ${shownTag("Modality")} is ${modality}` : ""}; expected an image`,
  );
}
