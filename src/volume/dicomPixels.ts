import type { Element } from "dicom-parser";
import type { NumberArray } from "../image/pixels.js";
import { CODECS } from "./dicomCodecs.js";
import type { DicomDataSet } from "./dicomDataSet.js";
import { compressedFrames } from "./dicomFrames.js";
import { pixelsOf, type PixelFormat } from "./dicomPixelFormat.js";
import { shownTag } from "./dicomTags.js";
import { interleave, type RawSamples } from "./frameFormat.js";
import { typedBytes } from "./typedBytes.js";
import { assertVoxels } from "./volume.js";
import { VolumeError } from "./volumeError.js";
import { unpack422, ybrToRgb } from "./ybr.js";

/**
 * Stored values of all frames, row by row, the samples of a pixel side by side; colours are RGB. The kind of array
 * follows the bits and the sign.
 *
 * @throws VolumeError when pixels are missing or damaged, or there are too many for one array.
 */
export async function decodePixels(set: DicomDataSet, format: PixelFormat): Promise<NumberArray> {
  const { samples, frames, rows, columns } = format;
  const out = storedArray(format, assertVoxels([columns, rows, 1], frames, samples, set.name));
  const decode = frameDecoder(set, format);
  for (let frame = 0; frame < frames; frame++) out.set(await decode(frame), frame * rows * columns * samples);
  return out;
}

/**
 * Decodes one frame at a time, counted from 0, so that a long film needs no more memory than a short one.
 *
 * @throws VolumeError when pixels are missing or, for the function that it gives, a frame is damaged.
 */
export function frameDecoder(
  set: DicomDataSet,
  format: PixelFormat,
): (frame: number) => NumberArray | Promise<NumberArray> {
  const codec = CODECS.get(set.transferSyntax);
  const pixels = pixelsOf(set).element;
  const { photometric, bitsStored, frames } = format;
  // Decoding undoes YBR_RCT and YBR_ICT; where nothing was coded so, the file's pixels are RGB.
  const isRgb = !photometric.startsWith("YBR_FULL") || codec?.givesRgb === true;
  const toRgb = (values: NumberArray) => (isRgb ? values : ybrToRgb(values as Uint8Array));
  if (codec === undefined) {
    const read = nativeFrames(set, pixels, format);
    return (frame) => toRgb(read(frame));
  }
  const compressed = compressedFrames(set, pixels, frames);
  return async (frame) => {
    const what = frames === 1 ? set.name : `${set.name}, frame ${frame + 1}`;
    const { samples: raw, bits = bitsStored } = await codec.decode(compressed[frame], format, what);
    return toRgb(toStored(raw, { ...format, bitsStored: Math.min(bits, bitsStored) }));
  };
}

function nativeFrames(
  set: DicomDataSet,
  pixels: Element,
  format: PixelFormat,
): (frame: number) => NumberArray {
  const { rows, columns, frames, samples, bitsAllocated, photometric, planar, real } = format;
  const { dataOffset, length, vr } = pixels;
  if (pixels.fragments !== undefined)
    throw new VolumeError(
      `${set.name}: ${shownTag("PixelData")} is compressed, but ${shownTag("TransferSyntaxUID")} is ` +
        `${set.transferSyntax}; expected the one that it is compressed by`,
    );
  const halved = photometric === "YBR_FULL_422";
  const area = rows * columns;
  const frameBits = area * (halved ? 2 : samples) * bitsAllocated;
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
  if (bitsAllocated === 1) {
    const bytes = set.bytes(dataOffset, Math.ceil(bits / 8));
    return (frame) =>
      Uint8Array.from({ length: area }, (_, i) => {
        const at = frame * area + i;
        return (bytes[at >> 3] >> (at & 7)) & 1;
      });
  }
  // Bytes in words (OW) are swapped with their neighbour when words are big-endian.
  const words = vr === "OW" && !set.littleEndian && bitsAllocated === 8;
  const stored = words ? swapped(set.bytes(dataOffset, bits / 8)) : set.bytes(dataOffset, bits / 8);
  const bytesOf = (frame: number) => stored.subarray((frame * frameBits) / 8, ((frame + 1) * frameBits) / 8);
  if (real) {
    const kind = bitsAllocated === 32 ? "float32" : "float64";
    return (frame) => typedBytes(bytesOf(frame), kind, set.littleEndian, set.name);
  }
  const kind = ({ 8: "uint8", 16: "uint16", 32: "uint32" } as const)[bitsAllocated as 8 | 16 | 32];
  return (frame) => {
    const raw = typedBytes(bytesOf(frame), kind, set.littleEndian, set.name) as RawSamples;
    if (halved) return unpack422(raw as Uint8Array);
    return toStored(samples > 1 && planar ? interleave(raw, samples) : raw, format);
  };
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
