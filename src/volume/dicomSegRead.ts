import { column, inverse, transform, type Affine } from "./affine.js";
import { openDicom, type DicomImage } from "./dicomImage.js";
import { decodePixels } from "./dicomPixels.js";
import type { DicomPlane } from "./dicomPlanes.js";
import { shownTag } from "./dicomTags.js";
import { gridOf } from "./labels.js";
import { length, type Vector3 } from "./vector.js";
import { assertVoxels, type Grid, type LabelVolume } from "./volume.js";
import { VolumeError } from "./volumeError.js";

/** Voxels that a corner of a segmentation may lie beside its image's. */
const TOLERANCE = 0.02;

/** Labels of a DICOM segmentation, on the voxels of its image. */
export interface DicomSeg {
  /** The value of a voxel is the number of its segment. */
  readonly labels: LabelVolume;
  readonly segments: readonly { readonly label: number; readonly name: string }[];
  /** Voxels that more than one segment has; the last one counts. */
  readonly overlapping: number;
}

/**
 * Reads a DICOM segmentation (binary, fractional from half of its maximum on, or a label map) as ground truth for an
 * image.
 *
 * @param image whose voxels the labels are to be on.
 * @throws VolumeError when it is no segmentation, damaged, or does not lie on the slices of the image.
 */
export async function readDicomSeg(bytes: Uint8Array, image: Grid, name: string): Promise<DicomSeg> {
  const file = openDicom(bytes, name);
  const { set, format, planes } = file;
  const kind = set.text("SegmentationType");
  if (kind === undefined)
    throw new VolumeError(`${name}: has no ${shownTag("SegmentationType")}; expected a DICOM segmentation`);
  const { affine, size } = image;
  if (affine === undefined)
    throw new VolumeError(
      `${name}: the image does not say how it lies in the patient, so a DICOM segmentation cannot be laid on it; ` +
        "give the labels as NIfTI, with a voxel for each of the image",
    );
  const [columns, rows] = size;
  if (format.columns !== columns || format.rows !== rows)
    throw new VolumeError(
      `${name}: has ${format.columns} x ${format.rows} pixels; the image has ${columns} x ${rows}`,
    );
  const data = new Uint16Array(assertVoxels(size, 1, 1, name));
  const values = await decodePixels(set, format);
  const numbers = kind === "LABELMAP" ? [] : segmentNumbers(file);
  const least = kind === "FRACTIONAL" ? (set.uint16("MaximumFractionalValue") ?? 255) / 2 : 1;
  const toVoxel = voxelOf(image, affine);
  let overlapping = 0;
  for (const [frame, plane] of planes.entries()) {
    const slice = sliceOf(plane, file, frame, size, toVoxel);
    const start = slice * columns * rows;
    for (let i = 0; i < columns * rows; i++) {
      const value = values[frame * columns * rows + i];
      if (value < least) continue;
      const label = kind === "LABELMAP" ? value : numbers[frame];
      if (data[start + i] !== 0 && data[start + i] !== label) overlapping++;
      data[start + i] = label;
    }
  }
  const segments = set.items("SegmentSequence").map((item) => ({
    label: item.requiredUint16("SegmentNumber"),
    name: item.words("SegmentLabel") ?? "",
  }));
  return { labels: { ...gridOf(image), data }, segments, overlapping };
}

/** Which segment each frame is of. */
function segmentNumbers({ name, set, planes }: DicomImage): number[] {
  const [shared] = set.items("SharedFunctionalGroupsSequence");
  const perFrame = set.items("PerFrameFunctionalGroupsSequence");
  return planes.map((_, frame) => {
    const [identification] = [perFrame[frame], shared].flatMap(
      (group) => group?.items("SegmentIdentificationSequence") ?? [],
    );
    const number = identification?.uint16("ReferencedSegmentNumber");
    if (number === undefined)
      throw new VolumeError(
        `${name}: frame ${frame + 1} has no ${shownTag("ReferencedSegmentNumber")}, so its segment is not known`,
      );
    return number;
  });
}

/** Where a place lies in the image, in voxels; between slices that are not evenly apart, from the nearest one on. */
function voxelOf({ sliceOffsets }: Grid, affine: Affine): (place: Vector3) => Vector3 {
  const toVoxel = inverse(affine);
  const step = length(column(affine, 2));
  return (place) => {
    const [x, y, z] = transform(toVoxel, place);
    if (sliceOffsets === undefined) return [x, y, z];
    const away = sliceOffsets.map((offset) => z * step - offset);
    const nearest = away.reduce((best, own, i) => (Math.abs(own) < Math.abs(away[best]) ? i : best), 0);
    return [x, y, nearest + away[nearest] / step];
  };
}

/** The slice of the image that a frame lies on, corner on corner. */
function sliceOf(
  { position, orientation, pixelSpacing }: DicomPlane,
  { name, format }: DicomImage,
  frame: number,
  [columns, rows, slices]: Vector3,
  toVoxel: (place: Vector3) => Vector3,
): number {
  if (!position || !orientation || !pixelSpacing)
    throw new VolumeError(
      `${name}: frame ${frame + 1} does not say where it lies (${shownTag("ImagePositionPatient")}, ` +
        `${shownTag("ImageOrientationPatient")}, ${shownTag("PixelSpacing")})`,
    );
  const corner = (x: number, y: number): Vector3 => {
    const at = position.map(
      (start, i) => start + x * pixelSpacing[0] * orientation[0][i] + y * pixelSpacing[1] * orientation[1][i],
    );
    return toVoxel([-at[0], -at[1], at[2]]); // from DICOM's axes to the volume's
  };
  const slice = Math.round(corner(0, 0)[2]);
  for (const [column, row] of [
    [0, 0],
    [format.columns - 1, 0],
    [0, format.rows - 1],
  ]) {
    // prettier-ignore
    const away = corner(column, row).map((at, axis) => Math.abs(at - [column, row, slice][axis]));
    if (Math.max(...away) > TOLERANCE || slice < 0 || slice >= slices)
      throw new VolumeError(
        `${name}: frame ${frame + 1} does not lie on a slice of the image (${columns} x ${rows} x ${slices}): its ` +
          `corner [${column}, ${row}] is at voxel [${corner(column, row)
            .map((at) => at.toFixed(2))
            .join(", ")}]`,
      );
  }
  return slice;
}
