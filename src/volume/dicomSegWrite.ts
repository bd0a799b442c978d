import type { DicomImage } from "./dicomImage.js";
import { stackFrames } from "./dicomStack.js";
import { shownTag, type Keyword } from "./dicomTags.js";
import { concatenate } from "./inflate.js";
import { BitPacker, labelledFrames, packedLength, type Code, type Segment } from "./segments.js";
import type { Vector3 } from "./vector.js";
import type { LabelVolume } from "./volume.js";
import { VolumeError } from "./volumeError.js";

/** What a segmentation says of itself and of its segments. */
export interface DicomSegOptions {
  readonly segments: readonly Segment[];
  /** The program that made the labels, and its version. */
  readonly algorithm: string;
  readonly version: string;
}

const SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4";
const EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1";
/** Most bytes of pixels: lengths have 32 bits, and the highest one means "unknown". */
const MOST_BYTES = 2 ** 32 - 2;
const STRUCTURE: Code = { value: "91723000", scheme: "SCT", meaning: "Anatomical structure" };
const TISSUE: Code = { value: "85756007", scheme: "SCT", meaning: "Tissue" };
const SEGMENTATION: Code = { value: "113076", scheme: "DCM", meaning: "Segmentation" };
const SOURCE: Code = {
  value: "121322",
  scheme: "DCM",
  meaning: "Source image for image processing operation",
};

/** What a segmentation has in common with its images: who the patient is, and the study. */
const COPIED: readonly Keyword[] = [
  "PatientName",
  "PatientID",
  "PatientBirthDate",
  "PatientSex",
  "StudyInstanceUID",
  "StudyDate",
  "StudyTime",
  "StudyID",
  "AccessionNumber",
  "ReferringPhysicianName",
];

type Attributes = Readonly<Record<string, unknown>>;

/**
 * Writes labels as a DICOM segmentation (binary, a segment a label) that refers to the images it was made on: the
 * one output that holds the patient's name, because the standard asks for it.
 *
 * @param labels of the volume that `dicomVolume` makes of `images`.
 * @throws VolumeError when the images have no place in space, the labels are not of their size, no voxel is
 *   labelled, or a label has no segment.
 */
export async function dicomSegBytes(
  labels: LabelVolume,
  images: readonly DicomImage[],
  options: DicomSegOptions,
): Promise<Uint8Array> {
  const { frames, spatial, sliceSpacing } = stackFrames(images, "segmentation");
  const [{ image, plane }] = frames;
  const { columns, rows } = image.format;
  const size = [columns, rows, frames.length];
  if (!spatial || plane.pixelSpacing === undefined)
    throw new VolumeError(
      `segmentation of ${image.name}: its images have no ${shownTag(spatial ? "PixelSpacing" : "ImagePositionPatient")}, ` +
        "without which a segmentation cannot refer to them",
    );
  if (size.some((side, axis) => side !== labels.size[axis]))
    throw new VolumeError(
      `segmentation of ${image.name}: labels have ${labels.size.join(" x ")} voxels; expected ${size.join(" x ")}`,
    );
  const masks = labelledFrames(labels, options.segments, image.name);
  const placed = masks.map(({ segment, slice }): SegFrame => {
    const { plane: place, ...source } = frames[slice];
    return { ...source, segment, index: slice + 1, position: place.position };
  });
  const shared = {
    ...measures(plane.pixelSpacing, plane.sliceThickness ?? sliceSpacing ?? 1, sliceSpacing),
    PlaneOrientationSequence: [{ ImageOrientationPatient: plane.orientation?.flat().map(decimal) }],
  };
  const sources = [...new Set(frames.map(({ image: one }) => one))];
  const head = await segHead(sources, placed, shared, POSITION, options);
  const packer = new BitPacker();
  const parts = [head, ...masks.map(({ mask }) => packer.push(mask)), packer.end()];
  return concatenate(
    parts,
    parts.reduce((sum, { length }) => sum + length, 0),
  );
}

/**
 * The beginning of a DICOM segmentation of a film, such as an ultrasound's, wherever it lies: all but the pixels. Those
 * follow as a `BitPacker` packs them, in the order of `frames`; so none need to be in memory together.
 *
 * @param frames from 0, with the number from 1 of the segment that has pixels there.
 * @throws VolumeError when there are none, or more pixels than DICOM can hold.
 */
export async function dicomFilmSegHead(
  image: DicomImage,
  frames: readonly { readonly segment: number; readonly frame: number }[],
  options: DicomSegOptions,
): Promise<Uint8Array> {
  if (frames.length === 0) throw new VolumeError(`segmentation of ${image.name}: no pixel is labelled`);
  const [{ pixelSpacing, sliceThickness = 1 }] = image.planes;
  const placed = frames.map(({ segment, frame }): SegFrame => ({ image, segment, frame, index: frame + 1 }));
  const shared = pixelSpacing === undefined ? {} : measures(pixelSpacing, sliceThickness);
  return segHead([image], placed, shared, TIME, options);
}

/** A frame of a segmentation, and the frame of an image that it belongs to. */
interface SegFrame {
  readonly image: DicomImage;
  readonly frame: number;
  readonly segment: number;
  /** By which it is sorted, from 1. */
  readonly index: number;
  readonly position?: Vector3;
}

/** What frames are sorted by: an attribute, and the functional group that it is in. */
interface Dimension {
  readonly pointer: number;
  readonly group: number;
  readonly label: string;
}
const SEGMENT: Dimension = { pointer: 0x0062000b, group: 0x0062000a, label: "Segment" };
const POSITION: Dimension = { pointer: 0x00200032, group: 0x00209113, label: "Position" };
const TIME: Dimension = { pointer: 0x00209128, group: 0x00209111, label: "Time" };

/** A segmentation up to where the bits of its frames begin. */
async function segHead(
  images: readonly DicomImage[],
  frames: readonly SegFrame[],
  shared: Attributes,
  dimension: Dimension,
  options: DicomSegOptions,
): Promise<Uint8Array> {
  const [image] = images;
  const { columns, rows } = image.format;
  const length = packedLength(frames.length * rows * columns);
  if (length > MOST_BYTES)
    throw new VolumeError(
      `segmentation of ${image.name}: ${frames.length} frames of ${columns} x ${rows} pixels are more than a DICOM file can hold`,
    );
  const instance = newUid();
  const dataset = {
    ...copied(image),
    ...(image.set.words("FrameOfReferenceUID") !== undefined && {
      FrameOfReferenceUID: image.set.words("FrameOfReferenceUID"),
      PositionReferenceIndicator: "",
    }),
    ...description(images, dimension, options, instance),
    ...{ Rows: rows, Columns: columns, NumberOfFrames: String(frames.length) },
    SharedFunctionalGroupsSequence: [shared],
    PerFrameFunctionalGroupsSequence: frames.map((frame) => frameGroups(frame, dimension)),
  };
  const { data, log } = await import("dcmjs");
  log.setLevel("silent");
  const file = new data.DicomDict(
    data.DicomMetaDictionary.denaturalizeDataset({
      FileMetaInformationVersion: Uint8Array.of(0, 1).buffer,
      MediaStorageSOPClassUID: SEGMENTATION_STORAGE,
      MediaStorageSOPInstanceUID: instance,
      TransferSyntaxUID: EXPLICIT_LITTLE_ENDIAN,
      ImplementationClassUID: "2.25.302430127246113823893237302213862131969",
      _vrMap: { FileMetaInformationVersion: "OB" },
    }),
  );
  file.dict = data.DicomMetaDictionary.denaturalizeDataset(dataset);
  const head = new Uint8Array(file.write());
  // PixelData (7FE0,0010) OB: of all attributes here it has the highest tag, and so is the last.
  const pixels = new DataView(new ArrayBuffer(12));
  [0xe0, 0x7f, 0x10, 0x00, 0x4f, 0x42, 0, 0].forEach((byte, at) => pixels.setUint8(at, byte));
  pixels.setUint32(8, length, true);
  return concatenate([head, new Uint8Array(pixels.buffer)], head.length + 12);
}

function measures([x, y]: readonly [number, number], thickness: number, between?: number): Attributes {
  return {
    PixelMeasuresSequence: [
      {
        PixelSpacing: [y, x].map(decimal),
        SliceThickness: decimal(thickness),
        ...(between !== undefined && { SpacingBetweenSlices: decimal(between) }),
      },
    ],
  };
}

function copied({ set }: DicomImage): Attributes {
  // Attributes without a value must be there all the same.
  return Object.fromEntries(COPIED.map((keyword) => [keyword, set.words(keyword) ?? ""]));
}

/** All that is not about single frames. */
function description(
  images: readonly DicomImage[],
  by: Dimension,
  { segments, algorithm, version }: DicomSegOptions,
  instance: string,
): Attributes {
  const [date, time] = new Date().toISOString().replace(/[-:]/g, "").split("T");
  const now = { ContentDate: date, ContentTime: time.slice(0, 6) };
  const organisation = newUid();
  const [{ set, series }] = images;
  const dimension = ({ pointer, group, label }: Dimension): Attributes => ({
    DimensionOrganizationUID: organisation,
    DimensionIndexPointer: pointer,
    FunctionalGroupPointer: group,
    DimensionDescriptionLabel: label,
  });
  const lossy = set.text("LossyImageCompression") === "01";
  return {
    ...{ SpecificCharacterSet: "ISO_IR 192", SOPClassUID: SEGMENTATION_STORAGE, SOPInstanceUID: instance },
    ...{ Modality: "SEG", SeriesInstanceUID: newUid(), SeriesNumber: "1", InstanceNumber: "1", ...now },
    ...{ SeriesDate: now.ContentDate, SeriesTime: now.ContentTime },
    ...{ Manufacturer: algorithm, ManufacturerModelName: algorithm, SoftwareVersions: version },
    ...{
      DeviceSerialNumber: "none",
      ContentLabel: "SEGMENTATION",
      ContentDescription: "",
      ContentCreatorName: "",
    },
    ...{ ImageType: ["DERIVED", "PRIMARY"], SamplesPerPixel: 1, PhotometricInterpretation: "MONOCHROME2" },
    ...{ BitsAllocated: 1, BitsStored: 1, HighBit: 0, PixelRepresentation: 0 },
    ...{ SegmentationType: "BINARY", SegmentsOverlap: "NO", LossyImageCompression: lossy ? "01" : "00" },
    ...(lossy && {
      LossyImageCompressionRatio: set.text("LossyImageCompressionRatio")?.split("\\") ?? [],
      LossyImageCompressionMethod: set.text("LossyImageCompressionMethod")?.split("\\") ?? [],
    }),
    SegmentSequence: segments.map(({ name, category = STRUCTURE, type = TISSUE }, index) => ({
      ...{ SegmentNumber: index + 1, SegmentLabel: name.slice(0, 64) },
      ...{ SegmentAlgorithmType: "SEMIAUTOMATIC", SegmentAlgorithmName: algorithm },
      SegmentedPropertyCategoryCodeSequence: [codeItem(category)],
      SegmentedPropertyTypeCodeSequence: [codeItem(type)],
    })),
    DimensionOrganizationSequence: [{ DimensionOrganizationUID: organisation }],
    DimensionIndexSequence: [SEGMENT, by].map(dimension),
    ReferencedSeriesSequence: [
      { SeriesInstanceUID: series, ReferencedInstanceSequence: images.map((image) => reference(image)) },
    ],
  };
}

function frameGroups({ image, frame, segment, index, position }: SegFrame, by: Dimension): Attributes {
  const numbered = image.planes.length > 1 && { ReferencedFrameNumber: String(frame + 1) };
  return {
    DerivationImageSequence: [
      {
        DerivationCodeSequence: [codeItem(SEGMENTATION)],
        SourceImageSequence: [
          {
            ...reference(image),
            ...numbered,
            PurposeOfReferenceCodeSequence: [codeItem(SOURCE)],
            SpatialLocationsPreserved: "YES",
          },
        ],
      },
    ],
    FrameContentSequence: [
      { DimensionIndexValues: [segment, index], ...(by === TIME && { TemporalPositionIndex: index }) },
    ],
    ...(by === POSITION && { PlanePositionSequence: [{ ImagePositionPatient: position?.map(decimal) }] }),
    SegmentIdentificationSequence: [{ ReferencedSegmentNumber: segment }],
  };
}

const reference = ({ set, instance }: DicomImage): Attributes => ({
  ReferencedSOPClassUID: set.requiredText("SOPClassUID"),
  ReferencedSOPInstanceUID: instance,
});

const codeItem = ({ value, scheme, meaning }: Code): Attributes => ({
  CodeValue: value,
  CodingSchemeDesignator: scheme,
  CodeMeaning: meaning,
});

/** A number as text of at most 16 characters, which is what the standard allows. */
function decimal(value: number): string {
  const text = String(value);
  if (text.length <= 16) return text;
  for (let digits = 15; ; digits--) {
    const shorter = String(Number(value.toPrecision(digits)));
    if (shorter.length <= 16) return shorter;
  }
}

/** A new identifier: a random UUID in decimal below the root that is free for them. */
function newUid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  return `2.25.${bytes.reduce((uid, byte) => uid * 256n + BigInt(byte), 0n)}`;
}
