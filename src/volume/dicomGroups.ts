import type { DicomImage } from "./dicomImage.js";
import type { DicomPlane } from "./dicomPlanes.js";
import { shownTag } from "./dicomTags.js";
import { VolumeError } from "./volumeError.js";

/** A frame of an image. */
export interface PlacedFrame {
  readonly image: DicomImage;
  readonly frame: number;
  readonly plane: DicomPlane;
}

/** Parts of a direction may differ by so much, a quarter of a degree, and distances by this share. */
const [DIRECTION, DISTANCE] = [0.005, 1e-3];
/** Names that a warning lists. */
const LISTED = 10;

/**
 * The frames of a series that make one volume: those of the images that are alike, if they are most. Scouts, reports and
 * copies among them are left out, which `warnings` say.
 *
 * @returns no more than one group of frames, or all those of a single file, which may not be alike.
 * @throws VolumeError when images are of several series, or less than half of them are alike.
 */
export function framesAlike(
  images: readonly DicomImage[],
  name: string,
  warnings: string[],
): { readonly frames: PlacedFrame[]; readonly alike: boolean } {
  const unique = withoutCopies(images, name, warnings);
  const [first] = unique;
  const other = unique.find(({ series }) => series !== first.series);
  if (other) throw notTogether(first, other, shownTag("SeriesInstanceUID"), "read one series at a time");
  const frames = unique.flatMap((image) => image.planes.map((plane, frame) => ({ image, frame, plane })));
  const groups: PlacedFrame[][] = [];
  for (const frame of frames) {
    const own = groups.find(([one]) => difference(one, frame) === undefined);
    if (own) own.push(frame);
    else groups.push([frame]);
  }
  if (groups.length === 1) return { frames, alike: true };
  if (unique.length === 1) return { frames, alike: false };
  const [most, ...others] = [...groups].sort((a, b) => b.length - a.length);
  const differs = ([one]: PlacedFrame[]) => difference(most[0], one)!;
  if (2 * most.length <= frames.length)
    throw notTogether(
      most[0].image,
      others[0][0].image,
      differs(others[0]),
      `no more than half of the ${frames.length} images are alike: put those of one volume into a folder of their own`,
    );
  for (const group of others) {
    const why = group[0].image.isLocalizer
      ? `${shownTag("ImageType")} says LOCALIZER, a scout`
      : `${differs(group)} is another than that of the other ${most.length} images`;
    warnings.push(`${name}: ${listed(group.map(shown))} left out: ${why}`);
  }
  return { frames: most, alike: true };
}

/** A frame for people, by its file's name without the folder, which may be named after a patient. */
export function shown({ image, frame }: PlacedFrame): string {
  return image.planes.length > 1 ? `frame ${frame + 1} of ${fileName(image.name)}` : fileName(image.name);
}

/** A file's name without its folders. */
export const fileName = (path: string): string => path.split(/[/\\]/).at(-1)!;

/** Leaves out files that hold an image that is there already. */
function withoutCopies(images: readonly DicomImage[], name: string, warnings: string[]): DicomImage[] {
  const seen = new Set<string>();
  const copies: string[] = [];
  const unique = images.filter((image) => {
    // Some programs give all images of a series the same identifier.
    const key = [image.instance, image.instanceNumber, ...(image.planes[0].position ?? [])].join();
    if (image.instance === "" || !seen.has(key)) return seen.add(key);
    copies.push(fileName(image.name));
    return false;
  });
  if (unique.length === 0) throw new VolumeError(`${name}: has no images`);
  if (copies.length > 0)
    warnings.push(`${name}: ${listed(copies)} left out: another file has the same image`);
  return unique;
}

/** In what two frames cannot be of one volume; undefined when they can. What one of them does not say is no difference. */
function difference(a: PlacedFrame, b: PlacedFrame): string | undefined {
  const [one, other] = [a.image.format, b.image.format];
  const kind = ({ image }: PlacedFrame) => (image.meaning.palette ? "palette" : image.format.samples);
  const apart = (x: readonly number[], y: readonly number[]) => Math.max(...x.map((value, i) => Math.abs(value - y[i]))); // prettier-ignore
  const [spacing, otherSpacing] = [a.plane.pixelSpacing, b.plane.pixelSpacing];
  const [direction, otherDirection] = [a.plane.orientation?.flat(), b.plane.orientation?.flat()];
  const traits: [name: string, differ: boolean | undefined][] = [
    ["Rows and Columns", one.rows !== other.rows || one.columns !== other.columns],
    [shownTag("PhotometricInterpretation"), kind(a) !== kind(b)],
    [shownTag("BitsAllocated"), one.samples > 1 && one.bitsAllocated !== other.bitsAllocated],
    [shownTag("ImageType"), a.image.isLocalizer !== b.image.isLocalizer],
    [
      shownTag("ImageOrientationPatient"),
      direction && otherDirection
        ? apart(direction, otherDirection) > DIRECTION
        : direction !== otherDirection,
    ],
    [shownTag("ImagePositionPatient"), (a.plane.position === undefined) !== (b.plane.position === undefined)],
    [
      shownTag("PixelSpacing"),
      spacing && otherSpacing && apart(spacing, otherSpacing) > DISTANCE * spacing[0],
    ],
  ];
  return traits.find(([, differ]) => differ)?.[0];
}

function notTogether(a: DicomImage, b: DicomImage, trait: string, remedy: string): VolumeError {
  return new VolumeError(
    `${b.name}: does not belong to the same volume as ${a.name}: ${trait} is another; ${remedy}`,
  );
}

/** "a is", "a and b are", "a, b, and 7 more are". */
function listed(names: readonly string[]): string {
  const [last] = names.slice(-1);
  if (names.length === 1) return `${last} is`;
  if (names.length > LISTED)
    return `${names.slice(0, LISTED).join(", ")}, and ${names.length - LISTED} more are`;
  return `${names.slice(0, -1).join(", ")} and ${last} are`;
}
