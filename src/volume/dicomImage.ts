import type { DicomDataSet } from "./dicomDataSet.js";
import { parseDicom } from "./dicomParse.js";
import { readPixelFormat, type PixelFormat } from "./dicomPixelFormat.js";
import { readPlanes, type DicomPlane } from "./dicomPlanes.js";
import { shownTag, type Keyword } from "./dicomTags.js";
import { typedBytes } from "./typedBytes.js";
import type { Palette, Volume } from "./volume.js";
import { VolumeError } from "./volumeError.js";

/** A DICOM file with an image: all but its pixels has been read and checked. */
export interface DicomImage {
  readonly name: string;
  /** The attributes, for what a segmentation that refers to this image needs of them. */
  readonly set: DicomDataSet;
  readonly format: PixelFormat;
  /** One a frame. */
  readonly planes: readonly DicomPlane[];
  /** Identifies the series; not for people, and not for outputs other than DICOM. */
  readonly series: string;
  readonly instance: string;
  readonly instanceNumber?: number;
  /** A scout, by its own word. */
  readonly isLocalizer: boolean;
  /** What the values mean besides their place, as `Volume` has it. */
  readonly meaning: Pick<Volume, "inverted" | "padding" | "palette" | "modality">;
  readonly warnings: readonly string[];
}

/** Kinds of examinations whose machines write into the picture. */
const OFTEN_BURNED_IN = ["US", "IVUS", "ES", "XC", "GM", "SC", "OT", "XA", "RF", "DG"];

/**
 * Reads a DICOM file but for its pixels.
 *
 * @throws VolumeError when it is no DICOM file, damaged, cut off, has no image or one of a kind that is not read.
 */
export function openDicom(bytes: Uint8Array, name: string): DicomImage {
  return imageOf(parseDicom(bytes, name));
}

/** As `openDicom`, of a file that is parsed already. */
export function imageOf(set: DicomDataSet): DicomImage {
  const format = readPixelFormat(set);
  const modality = set.text("Modality");
  const instanceNumber = set.number("InstanceNumber");
  return {
    ...{ name: set.name, set, format },
    planes: readPlanes(set, format.frames),
    series: set.text("SeriesInstanceUID") ?? "",
    instance: set.text("SOPInstanceUID") ?? "",
    isLocalizer: set.text("ImageType")?.split("\\").includes("LOCALIZER") === true,
    ...(instanceNumber !== undefined && { instanceNumber }),
    meaning: {
      ...readPadding(set, format),
      ...(format.photometric === "MONOCHROME1" && { inverted: { range: storedRange(format) } }),
      ...(format.photometric === "PALETTE COLOR" && { palette: readPalette(set, format) }),
      ...(modality && { modality }),
    },
    warnings: readWarnings(set, format, modality),
  };
}

function storedRange({ signed, bitsStored }: PixelFormat): [low: number, high: number] {
  const half = 2 ** (bitsStored - 1);
  return signed ? [-half, half - 1] : [0, 2 * half - 1];
}

function readPadding(set: DicomDataSet, format: PixelFormat): Pick<Volume, "padding"> {
  // Files often have the wrong one of the two possible kinds (US, SS): the pixels' own sign is what counts.
  const integer = (keyword: Keyword): number | undefined => {
    const value = set.uint16(keyword);
    return value !== undefined && format.signed ? (value << 16) >> 16 : value;
  };
  const kind = format.bitsAllocated === 32 ? "Float" : "DoubleFloat";
  const [value, end] = format.real
    ? [set.real(`${kind}PixelPaddingValue`), set.real(`${kind}PixelPaddingRangeLimit`)]
    : [integer("PixelPaddingValue"), integer("PixelPaddingRangeLimit")];
  if (value === undefined) return {};
  const limit = end ?? value;
  return { padding: [Math.min(value, limit), Math.max(value, limit)] };
}

function readPalette(set: DicomDataSet, format: PixelFormat): Palette {
  const channel = (descriptor: Keyword, data: Keyword): { first: number; values: Uint8Array } => {
    const element = set.element(data);
    if (set.uint16(descriptor, 2) === undefined || element === undefined)
      throw new VolumeError(`${set.name}: has no ${shownTag(data)}, without which its colours are not known`);
    const [entries, first, depth] = [0, 1, 2].map((i) => set.uint16(descriptor, i) ?? 0);
    const count = entries === 0 ? 65536 : entries;
    const bytes = set.bytes(element.dataOffset, element.length);
    if (bytes.length < count)
      throw new VolumeError(
        `${set.name}: ${shownTag(data)} has ${bytes.length} bytes; expected ${count} entries`,
      );
    // Entries take a byte each, or two; of 16 bits the upper 8 are the colour.
    const wide = bytes.length >= 2 * count;
    const words = wide
      ? typedBytes(bytes.subarray(0, 2 * count), "uint16", set.littleEndian, set.name)
      : bytes;
    return {
      first: format.signed ? (first << 16) >> 16 : first,
      values: Uint8Array.from({ length: count }, (_, i) => (depth > 8 ? words[i] >> 8 : words[i])),
    };
  };
  const red = channel("RedPaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData");
  const green = channel("GreenPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableData");
  const blue = channel("BluePaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableData");
  const colours = new Uint8Array(3 * red.values.length);
  for (let i = 0; i < red.values.length; i++)
    colours.set([red.values[i], green.values[i] ?? 0, blue.values[i] ?? 0], 3 * i);
  return { first: red.first, colours };
}

function readWarnings(set: DicomDataSet, { frames }: PixelFormat, modality: string | undefined): string[] {
  const warnings = [...set.warnings];
  const burnedIn = set.text("BurnedInAnnotation");
  if (burnedIn === "YES")
    warnings.push(
      `${shownTag("BurnedInAnnotation")} says that text is burned into the pixels; it may name the patient`,
    );
  else if (burnedIn === undefined && modality !== undefined && OFTEN_BURNED_IN.includes(modality))
    warnings.push(
      `text may be burned into the pixels and name the patient: ${shownTag("Modality")} is ${modality}, ` +
        `and ${shownTag("BurnedInAnnotation")} does not say that there is none`,
    );
  const described = set.items("PerFrameFunctionalGroupsSequence").length;
  if (described > frames)
    warnings.push(
      `${shownTag("PerFrameFunctionalGroupsSequence")} describes ${described} frames, of which ${frames} are there`,
    );
  if (set.items("ModalityLUTSequence").length > 0)
    warnings.push(`${shownTag("ModalityLUTSequence")} is not applied: values are as stored`);
  return warnings;
}
