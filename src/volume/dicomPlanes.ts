import type { DicomDataSet } from "./dicomDataSet.js";
import { shownTag, type Keyword } from "./dicomTags.js";
import type { Vector3 } from "./vector.js";
import { VolumeError } from "./volumeError.js";

/** Where a frame lies and what its values mean; what the file does not say, or not readably, is undefined. */
export interface DicomPlane {
  /** Millimetres between the centres of columns and of rows. */
  readonly pixelSpacing?: readonly [x: number, y: number];
  readonly sliceThickness?: number;
  /** Centre of the first pixel, in DICOM's patient coordinates (to the left, to the back, up). */
  readonly position?: Vector3;
  /** Millimetres along no known axis; of images of one frame. */
  readonly sliceLocation?: number;
  /** Directions of a row and of a column. */
  readonly orientation?: readonly [row: Vector3, column: Vector3];
  readonly slope: number;
  readonly intercept: number;
  readonly windows: readonly { readonly centre: number; readonly width: number }[];
}

/**
 * What is said of each frame: in its own functional groups, in those that all share, or in the file itself. What
 * cannot be right counts as missing, with a warning of `set`, unless values depend on it.
 *
 * @throws VolumeError when slope or intercept cannot be right, or there are too few functional groups.
 */
export function readPlanes(set: DicomDataSet, frames: number): DicomPlane[] {
  const [shared] = set.items("SharedFunctionalGroupsSequence");
  const perFrame = set.items("PerFrameFunctionalGroupsSequence");
  if (perFrame.length > 0 && perFrame.length < frames)
    throw new VolumeError(
      `${set.name}: ${shownTag("PerFrameFunctionalGroupsSequence")} has ${perFrame.length} items; ` +
        `expected ${frames}, one a frame`,
    );
  const sliceLocation = frames === 1 ? set.number("SliceLocation") : undefined;
  return Array.from({ length: frames }, (_, frame) => {
    const group = (keyword: Keyword): DicomDataSet =>
      perFrame[frame]?.items(keyword)[0] ?? shared?.items(keyword)[0] ?? set;
    const measures = group("PixelMeasuresSequence");
    const values = group("PixelValueTransformationSequence");
    const position = group("PlanePositionSequence").numbers("ImagePositionPatient", 3);
    return {
      ...readSpacing(measures),
      ...readOrientation(group("PlaneOrientationSequence")),
      ...(position && { position: position as unknown as Vector3 }),
      ...(sliceLocation !== undefined && { sliceLocation }),
      slope: readSlope(values),
      intercept: values.exactNumber("RescaleIntercept") ?? 0,
      windows: readWindows(group("FrameVOILUTSequence")),
    };
  });
}

function readSpacing(set: DicomDataSet): Pick<DicomPlane, "pixelSpacing" | "sliceThickness"> {
  let spacing = set.numbers("PixelSpacing", 2);
  if (spacing && !spacing.every((side) => side > 0))
    spacing = set.ignore("PixelSpacing", `is ${spacing.join(", ")}; expected two positive numbers of mm`);
  const thickness = set.number("SliceThickness");
  return {
    // The standard has the distance between rows first.
    ...(spacing && { pixelSpacing: [spacing[1], spacing[0]] as const }),
    ...(thickness !== undefined && thickness > 0 && { sliceThickness: thickness }),
  };
}

function readOrientation(set: DicomDataSet): Pick<DicomPlane, "orientation"> {
  const six = set.numbers("ImageOrientationPatient", 6);
  if (six === undefined) return {};
  const [row, column] = [six.slice(0, 3), six.slice(3)] as unknown as [Vector3, Vector3];
  const square = Math.abs(row[0] * column[0] + row[1] * column[1] + row[2] * column[2]);
  if ([row, column].every((side) => Math.abs(Math.hypot(...side) - 1) <= 0.01) && square <= 0.01)
    return { orientation: [row, column] };
  set.ignore(
    "ImageOrientationPatient",
    `is ${six.join(", ")}; expected two directions of length 1 at right angles`,
  );
  return {};
}

function readSlope(set: DicomDataSet): number {
  const slope = set.exactNumber("RescaleSlope") ?? 1;
  if (slope === 0)
    throw new VolumeError(
      `${set.name}: ${shownTag("RescaleSlope")} is 0, which makes all values the same; correct the file`,
    );
  return slope;
}

function readWindows(set: DicomDataSet): DicomPlane["windows"] {
  const [centres, widths] = [set.numbers("WindowCenter") ?? [], set.numbers("WindowWidth") ?? []];
  return centres.flatMap((centre, i) => (widths[i] > 0 ? [{ centre, width: widths[i] }] : []));
}
