import type { Element } from "dicom-parser";
import type { NumberArray } from "../image/pixels.js";
import { CODECS } from "./dicomCodecs.js";
import type { DicomDataSet } from "./dicomDataSet.js";
import { compressedFrames } from "./dicomFrames.js";
import { pixelsOf, type PixelFormat } from "./dicomPixelFormat.js";
import { shownTag } from "./dicomTags.js";
import { interleave, type RawSamples } from "./frameFormat.js";
import { typedBytes } from "./typedBytes.js";
import { VolumeError } from "./volumeError.js";
import { unpack422, ybrToRgb } from "./ybr.js";

/**
 * Stored values of all frames, row by row, the samples of a pixel side by side; colours are RGB. The kind of array
 * follows the bits and the sign.
 *
 * @throws VolumeError when pixels are missing or damaged.
 */
export async function decodePixels(set: DicomDataSet, format: PixelFormat): Promise<NumberArray> {
  const codec = CODECS.get(set.transferSyntax);
  const pixels = pixelsOf(set).element;
  const { samples, photometric, bitsStored, frames, rows, columns } = format;
  // Decoding undoes YBR_RCT and YBR_ICT; where nothing was coded so, the file's pixels are RGB.
  const isRgb = !photometric.startsWith("YBR_FULL") || codec?.givesRgb === true;
  if (codec === undefined) {
    const values = nativePixels(set, pixels, format);
    return isRgb ? values : ybrToRgb(values as Uint8Array);
  }
  const size = rows * columns * samples;
  const out = storedArray(format, frames * size);
  for (const [index, frame] of compressedFrames(set, pixels, frames).entries()) {
    const what = frames === 1 ? set.name : `${set.name}, frame ${index + 1}`;
    const { samples: raw, bits = bitsStored } = await codec.decode(frame, format, what);
    out.set(toStored(raw, { ...format, bitsStored: Math.min(bits, bitsStored) }), index * size);
  }
  return isRgb ? out : ybrToRgb(out as Uint8Array);
}

function nativePixels(set: DicomDataSet, pixels: Element, format: PixelFormat): NumberArray {
  const { rows, columns, frames, samples, bitsAllocated, photometric, planar, real } = format;
  const { dataOffset, length, vr } = pixels;
  if (pixels.fragments !== undefined)
    throw new VolumeError(
      `${set.name}: ${shownTag("PixelData")} is compressed, but ${shownTag("TransferSyntaxUID")} is ` +
        `${set.transferSyntax}; expected the one that it is compressed by`,
    );
  const halved = photometric === "YBR_FULL_422";
  const frameBits = rows * columns * (halved ? 2 : samples) * bitsAllocated;
  const bits = frameBits * frames;
  if (length < bits / 8)
    throw new VolumeError(
      `${set.name}: ${shownTag("PixelData")} has ${length} bytes; expected ${Math.ceil(bits / 8)} for ` +
        `${columns} x ${rows} pixels in ${frames} frames`,
    );
  if (halved && length >= ((bits / 2) * 3) / 8)
    throw new VolumeError(
      `${set.name}: ${shownTag("PhotometricInterpretation")} is YBR_FULL_422, with 2 bytes a pixel, but ` +
        `${shownTag("PixelData")} has 3; expected RGB or YBR_FULL`,
    );
  const bytes = set.bytes(dataOffset, Math.ceil(bits / 8));
  if (bitsAllocated === 1)
    return Uint8Array.from({ length: frames * rows * columns }, (_, i) => (bytes[i >> 3] >> (i & 7)) & 1);
  if (real)
    return typedBytes(bytes, bitsAllocated === 32 ? "float32" : "float64", set.littleEndian, set.name);
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
export function storedArray({ bitsAllocated, signed, real }: PixelFormat, length: number): NumberArray {
  if (real) return new (bitsAllocated === 32 ? Float32Array : Float64Array)(length);
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
