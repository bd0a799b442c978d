import { affineOf, type Affine } from "./affine.js";
import { framesAlike, shown, type PlacedFrame } from "./dicomGroups.js";
import type { DicomImage } from "./dicomImage.js";
import { shownTag } from "./dicomTags.js";
import { cross, dot, length, scale, type Vector3 } from "./vector.js";
import { placeUnknown } from "./volume.js";
import { VolumeError } from "./volumeError.js";

/** Frames in the order of a volume. */
export interface Stack {
  readonly frames: readonly PlacedFrame[];
  /** They are slices; else pictures or points in time. */
  readonly spatial: boolean;
  readonly pixelSpacing?: readonly [x: number, y: number];
  /** Undefined too where the slices are not evenly apart. */
  readonly sliceSpacing?: number;
  /** As `Grid` has them. */
  readonly affine?: Affine;
  readonly sliceOffsets?: readonly number[];
  readonly warnings: readonly string[];
}

/** Distances between slices may differ by this share of the usual one; more is a gap. */
const UNEVEN = 0.05;

/**
 * Sorts the frames of a series: along the normal of its slices, or by their numbers where they do not say their place.
 *
 * @throws VolumeError when images do not make one volume (`framesAlike`), or two lie at one place.
 */
export function stackFrames(images: readonly DicomImage[], name: string): Stack {
  const warnings: string[] = [];
  const { frames, alike } = framesAlike(images, name, warnings);
  const pixelSpacing = frames.find(({ plane }) => plane.pixelSpacing)?.plane.pixelSpacing;
  const inPlane = pixelSpacing && { pixelSpacing };
  const asFrames = (why?: string): Stack => {
    if (why !== undefined) warnings.push(`${name}: its frames are not slices: ${why}`);
    return { frames, spatial: false, ...inPlane, warnings };
  };
  if (!alike) return asFrames("some lie in another direction, or are of another kind");
  const [{ plane: first }] = frames;
  const several = new Set(frames.map(({ image }) => image)).size > 1;
  if (first.orientation === undefined || first.position === undefined) {
    const { sorted, order } = inOrderOfNumbers(frames);
    const slices = several && frames.every(({ image, plane }) => image.planes.length === 1 && (plane.orientation ?? plane.position ?? plane.sliceLocation) !== undefined); // prettier-ignore
    if (!slices) return { frames: sorted, spatial: false, ...inPlane, warnings };
    const missing = shownTag(first.position ? "ImageOrientationPatient" : "ImagePositionPatient");
    warnings.push(
      placeUnknown(
        name,
        `Their order is that of ${order}, because ${missing} is missing. To change that, export the series with it.`,
      ),
    );
    return { frames: sorted, spatial: true, ...inPlane, ...spacingOfLocations(sorted), warnings };
  }

  const normal = cross(...first.orientation);
  const depth = ({ plane }: PlacedFrame) => dot(plane.position!, normal);
  const sorted = [...frames].sort((a, b) => depth(a) - depth(b));
  const steps = stepsOf(sorted.map(depth));
  const usual = usualOf(steps);
  const same = steps.findIndex((step) => step < 0.01 * usual || step < 1e-4);
  if (same >= 0 && !several) return asFrames("some lie at the same place");
  if (same >= 0)
    throw new VolumeError(
      `${name}: ${shown(sorted[same])} and ${shown(sorted[same + 1])} lie at the same place ` +
        `(${shownTag("ImagePositionPatient")}); a volume has one image a slice: take echoes, phases and points ` +
        "in time one by one",
    );
  return { frames: sorted, spatial: true, ...inPlane, ...placeOf(sorted, steps, { normal, name, warnings, pixelSpacing }), warnings }; // prettier-ignore
}

const stepsOf = (places: readonly number[]): number[] => places.slice(1).map((place, i) => place - places[i]);
/** The median; undefined distances of a single slice are none. */
const usualOf = (steps: readonly number[]): number => [...steps].sort((a, b) => a - b)[steps.length >> 1];
const unevenAt = (steps: readonly number[]): number => steps.findIndex((step) => Math.abs(step - usualOf(steps)) > UNEVEN * usualOf(steps)); // prettier-ignore

/** The affine, and the distance from slice to slice; of a single slice its thickness. */
function placeOf(
  sorted: readonly PlacedFrame[],
  steps: readonly number[],
  { normal, name, warnings, pixelSpacing }: { normal: Vector3; name: string; warnings: string[]; pixelSpacing?: readonly [x: number, y: number] }, // prettier-ignore
): Pick<Stack, "affine" | "sliceSpacing" | "sliceOffsets"> {
  const [{ plane: first }] = sorted;
  const last = sorted[sorted.length - 1].plane;
  const across = last.position!.map((at, i) => at - first.position![i]) as unknown as Vector3;
  // A single slice that does not say how thick it is lies where it lies all the same.
  const direction = steps.length > 0 ? scale(across, 1 / length(across)) : normal;
  const tilt = dot(direction, normal);
  if (tilt < 0.9998)
    warnings.push(
      `${name}: slices are shifted against each other (a tilted gantry): distances are a little wrong`,
    );
  const uneven = unevenAt(steps);
  const even = steps.length > 0 ? length(across) / steps.length : first.sliceThickness;
  const step = uneven >= 0 ? usualOf(steps) / tilt : (even ?? 1);
  const place = pixelSpacing && { affine: affineAt(first, pixelSpacing, scale(direction, step)) };
  if (uneven < 0) return { ...place, ...(even !== undefined && { sliceSpacing: even }) };
  const sliceOffsets = sorted.map(({ plane }) => dot(plane.position!, normal) / tilt - dot(first.position!, normal) / tilt); // prettier-ignore
  const off = Math.max(...sliceOffsets.map((offset, i) => Math.abs(offset - i * step)));
  warnings.push(
    `${name}: slices are not evenly apart: ${shown(sorted[uneven])} and ${shown(sorted[uneven + 1])} are ` +
      `${steps[uneven].toFixed(3)} mm apart, others ${usualOf(steps).toFixed(3)}; an image may be missing. Distances ` +
      `across slices are not known. A NIfTI file cannot say such places: its slices are up to ${off.toFixed(3)} mm off. ` +
      "A DICOM segmentation says the place of each slice",
  );
  return { ...place, sliceOffsets };
}

function affineAt(
  { position, orientation }: PlacedFrame["plane"],
  [x, y]: readonly [x: number, y: number],
  step: Vector3,
): Affine {
  // DICOM's axes point to the left and to the back, the volume's to the right and to the front.
  const flip = ([a, b, c]: Vector3): Vector3 => [0 - a, 0 - b, c];
  const [row, column] = orientation!;
  return affineOf(flip(scale(row, x)), flip(scale(column, y)), flip(step), flip(position!));
}

/** By SliceLocation and InstanceNumber, which mean something where all images have them; else as they came. */
function inOrderOfNumbers(frames: readonly PlacedFrame[]): { sorted: PlacedFrame[]; order: string } {
  const keys = [
    ["SliceLocation", ({ plane }: PlacedFrame) => plane.sliceLocation],
    ["InstanceNumber", ({ image }: PlacedFrame) => image.instanceNumber],
  ] as const;
  const known = keys.filter(([, of]) => frames.every((frame) => of(frame) !== undefined));
  const compare = (a: PlacedFrame, b: PlacedFrame) =>
    known.reduce((sum, [, of]) => sum || of(a)! - of(b)!, 0);
  const order = known.map(([keyword]) => shownTag(keyword)).join(", then ") || "the files";
  return { sorted: [...frames].sort(compare), order };
}

/** The distance between slices that have no place, where SliceLocation gives them all the same one. */
function spacingOfLocations(frames: readonly PlacedFrame[]): Pick<Stack, "sliceSpacing"> {
  const steps = stepsOf(frames.map(({ plane }) => plane.sliceLocation ?? NaN));
  const usual = usualOf(steps);
  return usual > 0 && steps.every(Number.isFinite) && unevenAt(steps) < 0 ? { sliceSpacing: usual } : {};
}
