import type { Element } from "dicom-parser";
import { CODECS } from "./dicomCodecs.js";
import type { DicomDataSet } from "./dicomDataSet.js";
import { startsImage } from "./dicomFrames.js";
import { shownTag, type Keyword } from "./dicomTags.js";
import type { FrameFormat } from "./frameFormat.js";
import { assertVoxels } from "./volume.js";
import { VolumeError } from "./volumeError.js";

/** How the pixels of a file are stored. */
export interface PixelFormat extends FrameFormat {
  readonly frames: number;
  readonly bitsStored: number;
  readonly signed: boolean;
  /** Values are floating-point numbers. */
  readonly real: boolean;
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
/** Of 8 bits a sample; of 16 only those that decoding turns into RGB. */
const COLOUR = ["RGB", "YBR_RCT", "YBR_ICT", "YBR_FULL", "YBR_FULL_422"];
const WIDE_COLOUR = COLOUR.slice(0, 3);
/** Most frames of a file: an hour of film at 25 a second. Its attributes are kept for each. */
const MAX_FRAMES = 90_000;
const PIXELS = ["PixelData", "FloatPixelData", "DoubleFloatPixelData"] as const;

/** The attribute with the pixels; undefined when there is none. */
export function findPixels(
  set: DicomDataSet,
): { keyword: (typeof PIXELS)[number]; element: Element } | undefined {
  for (const keyword of PIXELS) {
    const element = set.element(keyword);
    if (element !== undefined) return { keyword, element };
  }
  return undefined;
}

/** As `findPixels`. @throws VolumeError when there are none. */
export function pixelsOf(set: DicomDataSet) {
  const found = findPixels(set);
  if (found !== undefined) return found;
  const modality = set.text("Modality");
  throw new VolumeError(
    `${set.name}: has no ${shownTag("PixelData")}` +
      `${modality ? `; ${shownTag("Modality")} is ${modality}` : ""}; expected an image`,
  );
}

/**
 * How the pixels are stored; checked, so that it can be trusted.
 *
 * @throws VolumeError naming the attribute that is missing, contradicts another, or says what is not read.
 */
export function readPixelFormat(set: DicomDataSet): PixelFormat {
  const { name, transferSyntax } = set;
  const { keyword, element } = pixelsOf(set);
  const real = keyword !== "PixelData";
  if (!UNCOMPRESSED.includes(transferSyntax) && (real || !CODECS.has(transferSyntax)))
    throw new VolumeError(
      `${name}: ${shownTag("TransferSyntaxUID")} is ${transferSyntax}, which is not read` +
        `${real ? ` with ${shownTag(keyword)}` : ""}; ` +
        "store the image uncompressed or as JPEG, JPEG-LS, JPEG 2000, HTJ2K or RLE",
    );
  const [rows, columns] = [set.requiredUint16("Rows"), set.requiredUint16("Columns")];
  const samples = set.requiredUint16("SamplesPerPixel");
  const photometric = set.requiredText("PhotometricInterpretation");
  const depth = real ? readRealDepth(set, keyword) : readDepth(set, samples);
  const grey = real ? ["MONOCHROME2"] : GREY;
  const colour = depth.bitsAllocated > 8 ? WIDE_COLOUR : COLOUR;
  if ((samples !== 1 && (samples !== 3 || real)) || !(samples === 1 ? grey : colour).includes(photometric))
    throw new VolumeError(
      `${name}: ${shownTag("PhotometricInterpretation")} is ${photometric} with ${samples} samples a pixel of ` +
        `${depth.bitsAllocated} bits; expected ${grey.join(", ")} with 1${real ? "" : `, or ${colour.join(", ")} with 3`}`,
    );
  const frames = readFrames(set);
  assertVoxels([columns, rows, 1], 1, samples, name);
  const format = { rows, columns, samples, frames, photometric, real, ...depth };
  warnOfMoreFrames(set, element, format);
  return { ...format, planar: set.uint16("PlanarConfiguration") === 1 };
}

function readDepth(set: DicomDataSet, samples: number) {
  const bitsAllocated = set.requiredUint16("BitsAllocated");
  const bitsStored = set.uint16("BitsStored") ?? bitsAllocated;
  const highBit = set.uint16("HighBit") ?? bitsStored - 1;
  const depths = samples === 1 ? [1, 8, 16, 32] : [8, 16];
  if (!depths.includes(bitsAllocated) || bitsStored < 1 || bitsStored > bitsAllocated)
    throw new VolumeError(
      `${set.name}: ${bitsStored} bits of ${bitsAllocated} (${shownTag("BitsStored")} and ` +
        `${shownTag("BitsAllocated")}); expected ${depths.join(", ")} bits, or some of them`,
    );
  // The standard has had no other since 2014; that one is not looked at is what pydicom does.
  if (highBit !== bitsStored - 1)
    set.warn(
      `${shownTag("HighBit")} is ${highBit}; expected ${bitsStored - 1}. The lowest ${bitsStored} of ` +
        `${bitsAllocated} bits are read, as pydicom does; compare the image with what another program shows`,
    );
  const sign = set.uint16("PixelRepresentation");
  if (sign === undefined) set.ignore("PixelRepresentation", "is not there, and values are read without sign");
  return { bitsAllocated, bitsStored, signed: sign === 1 };
}

function readRealDepth(set: DicomDataSet, keyword: Keyword) {
  const bits = keyword === "FloatPixelData" ? 32 : 64;
  const said = set.uint16("BitsAllocated") ?? bits;
  if (said !== bits)
    throw new VolumeError(
      `${set.name}: ${shownTag("BitsAllocated")} is ${said}; expected ${bits} with ${shownTag(keyword)}`,
    );
  return { bitsAllocated: bits, bitsStored: bits, signed: true };
}

function readFrames(set: DicomDataSet): number {
  const frames = set.number("NumberOfFrames") ?? 1;
  if (frames > MAX_FRAMES)
    throw new VolumeError(
      `${set.name}: ${shownTag("NumberOfFrames")} is ${frames}, more than the limit of ${MAX_FRAMES}; cut the film first`,
    );
  if (Number.isInteger(frames) && frames > 0) return frames;
  set.ignore("NumberOfFrames", `is ${frames}; expected a positive integer`);
  return 1;
}

/** Warns where there is room for more frames than the file says. */
function warnOfMoreFrames(
  set: DicomDataSet,
  { length, fragments, basicOffsetTable }: Element,
  { rows, columns, samples, photometric, bitsAllocated, frames }: Omit<PixelFormat, "planar">,
): void {
  const bytes = (rows * columns * (photometric === "YBR_FULL_422" ? 2 : samples) * bitsAllocated) / 8;
  const starting = (fragments ?? []).filter((fragment) =>
    startsImage(set.bytes(fragment.position, 2)),
  ).length;
  const found = fragments ? Math.max(basicOffsetTable?.length ?? 0, starting) : Math.floor(length / bytes);
  if (found > frames)
    set.warn(
      `${shownTag("PixelData")} has room for ${found} frames, of which ${shownTag("NumberOfFrames")} has ${frames}; ` +
        "the others are left out",
    );
}
