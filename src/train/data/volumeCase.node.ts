import { readNpzFile } from "../../image/decode.node.js";
import type { LabelImage } from "../../image/pixels.js";
import { eightBitVolume } from "../../volume/eightBit.js";
import { assertSameGeometry } from "../../volume/labels.js";
import { npzLabelVolume, npzVolume } from "../../volume/npzVolume.js";
import { readLabelVolumeFile, readVolumeFile } from "../../volume/read.node.js";
import type { LabelVolume, Volume } from "../../volume/volume.js";
import { DataError, type CaseFile } from "./caseFile.js";

/** A volume whose values are 8 bits, and what is labelled in it. */
export interface LabelledVolume {
  readonly volume: Volume;
  readonly labels: LabelVolume;
}

/**
 * Reads an image volume (NIfTI, DICOM, MedSAM's npz) and its labels (NIfTI, a DICOM segmentation, the same npz), and
 * scales the volume's values as a whole, as MedSAM does.
 *
 * @param intensity how; default `usualIntensity`.
 * @throws DataError, VolumeError or ImageError when they cannot be read or do not belong together.
 */
export async function readLabelledVolume(file: CaseFile, intensity?: string): Promise<LabelledVolume> {
  const { volume, labels } = await readBoth(file);
  assertSameGeometry(volume, labels, file.labels);
  return { volume: eightBitVolume(volume, intensity).volume, labels };
}

async function readBoth({ image, labels }: CaseFile): Promise<LabelledVolume> {
  if (/\.npz$/i.test(image)) {
    const npz = await readNpzFile(image);
    if (labels !== image) throw new DataError(`${labels}: the labels of ${image} must be its own gts`);
    return { volume: npzVolume(npz), labels: npzLabelVolume(npz) };
  }
  const volume = await readVolumeFile(image);
  if (volume.frames !== 1)
    throw new DataError(`${image}: has ${volume.frames} frames in time; expected one volume`);
  return { volume, labels: await readLabelVolumeFile(labels, volume) };
}

/** The labels of one slice. The image's is `volumeSlice`. */
export function labelSlice({ size: [width, height], data }: LabelVolume, slice: number): LabelImage {
  const area = width * height;
  return { width, height, data: data.slice(slice * area, (slice + 1) * area) };
}
