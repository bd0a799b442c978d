import type { PlacedFrame } from "./dicomGroups.js";
import type { DicomImage } from "./dicomImage.js";
import { stackFrames } from "./dicomStack.js";
import { shownTag, type Keyword } from "./dicomTags.js";
import { labelledFrames, packBits, type Code, type Segment } from "./segments.js";
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
const STRUCTURE: Code = { value: "91723000", scheme: "SCT", meaning: "Anatomical structure" };
const TISSUE: Code = { value: "85756007", scheme: "SCT", meaning: "Tissue" };
const SEGMENTATION: Code = { value: "113076", scheme: "DCM", meaning: "Segmentation" };
const SOURCE: Code = {
  value: "121322",
  scheme: "DCM",
  meaning: "Source image for image processing operation",
};

/** What a segmentation has in common with its images: who the patient is, the study, and the patient's axes. */
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
  "FrameOfReferenceUID",
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
  const instance = newUid();
  const dataset = {
    ...copied(image),
    ...description(frames, options, instance),
    ...{ Rows: rows, Columns: columns, NumberOfFrames: String(masks.length) },
    SharedFunctionalGroupsSequence: [
      {
        PixelMeasuresSequence: [
          {
            PixelSpacing: [plane.pixelSpacing[1], plane.pixelSpacing[0]].map(decimal),
            SliceThickness: decimal(plane.sliceThickness ?? sliceSpacing ?? 1),
            ...(sliceSpacing !== undefined && { SpacingBetweenSlices: decimal(sliceSpacing) }),
          },
        ],
        PlaneOrientationSequence: [{ ImageOrientationPatient: plane.orientation?.flat().map(decimal) }],
      },
    ],
    PerFrameFunctionalGroupsSequence: masks.map(({ segment, slice }) =>
      frameGroups(frames[slice], segment, slice),
    ),
    PixelData: packBits(masks.map(({ mask }) => mask)).buffer,
    _vrMap: { PixelData: "OB" },
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
  return new Uint8Array(file.write());
}

function copied({ set }: DicomImage): Attributes {
  // Attributes without a value must be there all the same.
  return Object.fromEntries(COPIED.map((keyword) => [keyword, set.words(keyword) ?? ""]));
}

/** All that is not about single frames. */
function description(
  frames: readonly PlacedFrame[],
  { segments, algorithm, version }: DicomSegOptions,
  instance: string,
): Attributes {
  const [date, time] = new Date().toISOString().replace(/[-:]/g, "").split("T");
  const now = { ContentDate: date, ContentTime: time.slice(0, 6) };
  const organisation = newUid();
  const { set, series } = frames[0].image;
  const images = [...new Set(frames.map(({ image }) => image))];
  const dimension = (pointer: number, group: number, label: string): Attributes => ({
    DimensionOrganizationUID: organisation,
    DimensionIndexPointer: pointer,
    FunctionalGroupPointer: group,
    DimensionDescriptionLabel: label,
  });
  const lossy = set.text("LossyImageCompression") === "01";
  return {
    ...{ SpecificCharacterSet: "ISO_IR 192", SOPClassUID: SEGMENTATION_STORAGE, SOPInstanceUID: instance },
    ...{ Modality: "SEG", SeriesInstanceUID: newUid(), SeriesNumber: "1", InstanceNumber: "1", ...now },
    ...{ SeriesDate: now.ContentDate, SeriesTime: now.ContentTime, PositionReferenceIndicator: "" },
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
    DimensionIndexSequence: [
      dimension(0x0062000b, 0x0062000a, "Segment"),
      dimension(0x00200032, 0x00209113, "Position"),
    ],
    ReferencedSeriesSequence: [
      { SeriesInstanceUID: series, ReferencedInstanceSequence: images.map((image) => reference(image)) },
    ],
  };
}

function frameGroups({ image, frame, plane }: PlacedFrame, segment: number, slice: number): Attributes {
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
    FrameContentSequence: [{ DimensionIndexValues: [segment, slice + 1] }],
    PlanePositionSequence: [{ ImagePositionPatient: plane.position?.map(decimal) }],
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
