import type { Element } from "dicom-parser";
import type { DicomDataSet } from "./dicomDataSet.js";
import { shownTag } from "./dicomTags.js";
import { concatenate } from "./inflate.js";
import { VolumeError } from "./volumeError.js";

/**
 * The compressed bytes of every frame. A frame may lie in several fragments; which, the offset table says, or else
 * the first bytes of each fragment.
 *
 * @throws VolumeError when there are not as many frames as the file says.
 */
export function compressedFrames(set: DicomDataSet, pixels: Element, frames: number): Uint8Array[] {
  const { basicOffsetTable = [] } = pixels;
  const fragments = (pixels.fragments ?? []).map(({ offset, position, length }) => {
    const bytes = set.bytes(position, length);
    if (bytes.length < length)
      throw new VolumeError(
        `${set.name}: is cut off: ${shownTag("PixelData")} has ${bytes.length} of the ${length} bytes of a fragment`,
      );
    return { offset, bytes };
  });
  let starts: number[];
  if (frames === 1) starts = [0];
  else if (fragments.length === frames) starts = fragments.map((_, index) => index);
  else if (basicOffsetTable.length === frames)
    starts = basicOffsetTable.map((offset) => fragments.findIndex((fragment) => fragment.offset === offset));
  else starts = fragments.flatMap(({ bytes }, index) => (startsImage(bytes) ? [index] : []));
  if (
    fragments.length === 0 ||
    starts.length !== frames ||
    starts.some((start, i) => start < (starts[i - 1] ?? 0))
  )
    throw new VolumeError(
      `${set.name}: ${shownTag("PixelData")} has ${fragments.length} fragments that do not make up the ` +
        `${frames} of ${shownTag("NumberOfFrames")}`,
    );
  return starts.map((start, i) => {
    const parts = fragments.slice(start, starts[i + 1]).map(({ bytes }) => bytes);
    if (parts.length === 1) return parts[0];
    return concatenate(parts, parts.reduce((sum, { length }) => sum + length, 0)); // prettier-ignore
  });
}

/** JPEG and JPEG-LS begin with FF D8, a JPEG 2000 codestream with FF 4F. */
export const startsImage = (bytes: Uint8Array): boolean =>
  bytes[0] === 0xff && (bytes[1] === 0xd8 || bytes[1] === 0x4f);
