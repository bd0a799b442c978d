import { readFile } from "node:fs/promises";
import { readNpzFile } from "../../image/decode.node.js";
import { intensityPreset, type IntensityPreset } from "../../image/intensity.js";
import type { LabelImage } from "../../image/pixels.js";
import { readDicomSeg } from "../../volume/dicomSegRead.js";
import { assertSameGeometry } from "../../volume/labels.js";
import { readNiftiLabels } from "../../volume/nifti.js";
import { npzLabelVolume, npzVolume } from "../../volume/npzVolume.js";
import { readVolumeFile } from "../../volume/read.node.js";
import { realValues } from "../../volume/values.js";
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
  const real = realValues(volume);
  const preset = intensity === undefined ? usualIntensity(real) : intensityPreset(intensity);
  return { volume: { ...real, data: preset.scale(real.data) }, labels };
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
  const bytes = new Uint8Array(await readFile(labels));
  if (/\.dcm$/i.test(labels)) return { volume, labels: (await readDicomSeg(bytes, volume, labels)).labels };
  return { volume, labels: readNiftiLabels(bytes, labels) };
}

/** Air in a CT: nothing else that is scanned goes as low. */
const AIR = -500;

/**
 * How a volume is shown when nobody says: bytes as they are, CT (by its file's word, or by values as low as air's) in
 * the window for soft tissue, all others from the 0.5 to the 99.5 percentile, as pre_CT_MR.py does.
 */
export function usualIntensity({ data, modality }: Volume): IntensityPreset {
  if (data instanceof Uint8Array) return intensityPreset("none");
  const isCt = modality === "CT" || (modality === undefined && data.some((value) => value <= AIR));
  return intensityPreset(isCt ? "ct-soft-tissue" : "percentiles");
}

/** The labels of one slice. The image's is `volumeSlice`. */
export function labelSlice({ size: [width, height], data }: LabelVolume, slice: number): LabelImage {
  const area = width * height;
  return { width, height, data: data.slice(slice * area, (slice + 1) * area) };
}
