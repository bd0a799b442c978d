import { affineOf, type Affine } from "./affine.js";
import type { DicomImage } from "./dicomImage.js";
import type { DicomPlane } from "./dicomPlanes.js";
import { shownTag } from "./dicomTags.js";
import { cross, dot, scale, type Vector3 } from "./vector.js";
import { VolumeError } from "./volumeError.js";

/** A frame of an image. */
export interface PlacedFrame {
  readonly image: DicomImage;
  readonly frame: number;
  readonly plane: DicomPlane;
}

/** Frames in the order of a volume. */
export interface Stack {
  readonly frames: readonly PlacedFrame[];
  /** They are slices, sorted along their normal; else pictures or points in time. */
  readonly spatial: boolean;
  readonly pixelSpacing?: readonly [x: number, y: number];
  /** Undefined too where the slices are not evenly apart. */
  readonly sliceSpacing?: number;
  readonly affine?: Affine;
  readonly warnings: readonly string[];
}

/** Distances between slices may differ by this share of the usual one; more is a gap. */
const UNEVEN = 0.05;

/**
 * Sorts the frames of a series.
 *
 * @throws VolumeError when images do not belong to one series, differ in kind, size or direction, or two lie at one
 *   place.
 */
export function stackFrames(images: readonly DicomImage[], name: string): Stack {
  const warnings: string[] = [];
  const unique = withoutCopies(images, name, warnings);
  assertAlike(unique);
  const frames = unique.flatMap((image) => image.planes.map((plane, frame) => ({ image, frame, plane })));
  const [{ plane: first }] = frames;
  const inPlane = first.pixelSpacing && { pixelSpacing: first.pixelSpacing };
  const normal = first.orientation && cross(...first.orientation);
  if (normal === undefined || !frames.every(({ plane }) => plane.position !== undefined))
    return { frames: byNumber(frames), spatial: false, ...inPlane, warnings };

  const depth = ({ plane }: PlacedFrame) => dot(plane.position!, normal);
  const sorted = [...frames].sort((a, b) => depth(a) - depth(b));
  const steps = sorted.slice(1).map((frame, i) => depth(frame) - depth(sorted[i]));
  const usual = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)];
  const same = steps.findIndex((step) => step < 0.01 * usual || step < 1e-4);
  if (same >= 0) {
    if (unique.length === 1) {
      warnings.push(`${name}: its frames are not slices: some lie at the same place`);
      return { frames, spatial: false, ...inPlane, warnings };
    }
    throw new VolumeError(
      `${name}: ${shown(sorted[same])} and ${shown(sorted[same + 1])} lie at the same place ` +
        `(${shownTag("ImagePositionPatient")}); a volume has one image a slice: take echoes, phases and points ` +
        "in time one by one",
    );
  }
  const uneven = steps.findIndex((step) => Math.abs(step - usual) > UNEVEN * usual);
  if (uneven >= 0) {
    warnings.push(
      `${name}: slices are not evenly apart: ${shown(sorted[uneven])} and ${shown(sorted[uneven + 1])} are ` +
        `${steps[uneven].toFixed(3)} mm apart, others ${usual.toFixed(3)}; an image may be missing, and ` +
        "distances across slices are not known",
    );
    return { frames: sorted, spatial: true, ...inPlane, warnings };
  }
  return { frames: sorted, spatial: true, ...inPlane, ...placeOf(sorted, normal, name, warnings), warnings };
}

/** The affine, and the distance from slice to slice; of a single slice its thickness. */
function placeOf(
  sorted: readonly PlacedFrame[],
  normal: Vector3,
  name: string,
  warnings: string[],
): Pick<Stack, "affine" | "sliceSpacing"> {
  const [{ plane: first }] = sorted;
  const last = sorted[sorted.length - 1].plane;
  const count = sorted.length - 1;
  const thickness = first.sliceThickness;
  const step =
    count > 0
      ? (first.position!.map((at, i) => (last.position![i] - at) / count) as unknown as Vector3)
      : thickness !== undefined
        ? scale(normal, thickness)
        : undefined;
  if (step === undefined) return {};
  const sliceSpacing = Math.hypot(...step);
  if (dot(step, normal) < 0.9998 * sliceSpacing)
    warnings.push(
      `${name}: slices are shifted against each other (a tilted gantry): distances are a little wrong`,
    );
  if (first.pixelSpacing === undefined) return { sliceSpacing };
  const [row, column] = first.orientation!;
  const [x, y] = first.pixelSpacing;
  // DICOM's axes point to the left and to the back, the volume's to the right and to the front.
  const flip = ([a, b, c]: Vector3): Vector3 => [0 - a, 0 - b, c];
  const affine = affineOf(flip(scale(row, x)), flip(scale(column, y)), flip(step), flip(first.position!));
  return { sliceSpacing, affine };
}

/** Leaves out files that hold an image that is there already. */
function withoutCopies(images: readonly DicomImage[], name: string, warnings: string[]): DicomImage[] {
  const seen = new Map<string, DicomImage>();
  const unique = images.filter((image) => {
    if (image.instance === "" || !seen.has(image.instance)) {
      seen.set(image.instance, image);
      return true;
    }
    warnings.push(`${name}: ${image.name} is left out: ${seen.get(image.instance)?.name} is the same image`);
    return false;
  });
  if (unique.length === 0) throw new VolumeError(`${name}: has no images`);
  return unique;
}

/** @throws VolumeError naming the first two images that differ, and in what. */
function assertAlike(images: readonly DicomImage[]): void {
  const traits = ({ series, format, planes: [plane] }: DicomImage) => ({
    [shownTag("SeriesInstanceUID")]: series,
    "Rows and Columns": `${format.columns} x ${format.rows}`,
    [shownTag("SamplesPerPixel")]: format.samples,
    [shownTag("PhotometricInterpretation")]: format.samples === 1 ? format.photometric : "",
    [shownTag("BitsAllocated")]: format.bitsAllocated,
    [shownTag("PixelRepresentation")]: format.signed,
    [shownTag("PixelSpacing")]: plane.pixelSpacing?.map((side) => side.toFixed(4)).join(),
    [shownTag("ImageOrientationPatient")]: plane.orientation?.flat().map((part) => Math.round(part * 200)).join(), // prettier-ignore
  });
  const [first] = images;
  const expected = traits(first);
  for (const image of images) {
    const found = Object.entries(traits(image)).find(([trait, value]) => value !== expected[trait]);
    if (found)
      throw new VolumeError(
        `${image.name}: does not belong to the same volume as ${first.name}: ${found[0]} is another; ` +
          "read the images of one series at a time",
      );
  }
}

function byNumber(frames: PlacedFrame[]): PlacedFrame[] {
  return frames.sort((a, b) => (a.image.instanceNumber ?? 0) - (b.image.instanceNumber ?? 0));
}

function shown({ image, frame }: PlacedFrame): string {
  return image.planes.length > 1 ? `frame ${frame + 1} of ${image.name}` : image.name;
}
