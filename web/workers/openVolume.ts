import { startOf } from "../../src/image/decode.js";
import { ImageError, valueRange, type LabelImage } from "../../src/image/pixels.js";
import { openDicomSeries, readSeries, type NamedBytes } from "../../src/volume/dicomSeries.js";
import type { VolumeOptions } from "../../src/volume/dicomVolume.js";
import { gridOf } from "../../src/volume/labels.js";
import { niftiLabelBytes } from "../../src/volume/niftiWrite.js";
import { looksLikeVolume, readVolume } from "../../src/volume/read.js";
import { realValues } from "../../src/volume/values.js";
import type { Grid, Volume } from "../../src/volume/volume.js";
import { VolumeError } from "../../src/volume/volumeError.js";
import type { ImageInfo } from "./imageWorker.js";

/** Opens a volume from one file, or the largest series of several DICOM files. */
export async function openVolume(
  files: readonly NamedBytes[],
  options: VolumeOptions,
): Promise<{ volume: Volume; info: Omit<ImageInfo, "sha256"> }> {
  const volume = realValues(await (files.length === 1 ? single(files[0], options) : series(files, options)));
  const { name, size, frames, channels, pixelSpacing, windows = [], modality, warnings, data } = volume;
  const [width, height, depth] = size;
  return {
    volume,
    info: {
      ...{ name, width, height, channels, depth, slices: depth * frames, windows, warnings },
      range: valueRange(data),
      eightBit: data instanceof Uint8Array,
      ...(pixelSpacing && { spacing: pixelSpacing }),
      ...(modality !== undefined && { modality }),
    },
  };
}

/** Names of DICOM files, many of which have no ending or end in a number. */
const DICOM_NAME = /(^[^.]*|\.(dcm|dicom|ima|\d+))$/i;

function single({ bytes, name }: NamedBytes, options: VolumeOptions): Promise<Volume> {
  // What is called DICOM and is damaged is told as DICOM.
  if (!looksLikeVolume(bytes) && !DICOM_NAME.test(name))
    throw new ImageError(
      `${name}: is no PNG, JPEG, TIFF, DICOM, NIfTI or npz file (it starts with: ${startOf(bytes)})`,
    );
  return readVolume(bytes, name, options);
}

/** The largest series that can be read, with a warning of the others. */
async function series(files: readonly NamedBytes[], options: VolumeOptions): Promise<Volume> {
  const all = openDicomSeries(files);
  if (all.length === 0)
    throw new VolumeError(
      `${files.length} files, none of them a DICOM image: open one picture or volume at a time, ` +
        "or all files of a DICOM series",
    );
  const best = all.find(({ isVolume, failure }) => isVolume && !failure) ?? all.find(({ failure }) => !failure) ?? all[0]; // prettier-ignore
  return (await readSeries(all, all.indexOf(best) + 1, best.title, options)).volume;
}

/** Label maps of some slices as a NIfTI volume. */
export function niftiOf(grid: Grid, labels: ReadonlyMap<number, LabelImage>): Uint8Array {
  const [width, height, depth] = grid.size;
  const wide = [...labels.values()].some(({ data }) => data instanceof Uint16Array);
  const data = new (wide ? Uint16Array : Uint8Array)(width * height * depth);
  for (const [index, map] of labels) {
    if (index >= depth)
      throw new VolumeError(
        "labels lie in a later frame: a NIfTI label volume holds one frame; export PNG instead",
      );
    data.set(map.data, index * width * height);
  }
  return niftiLabelBytes({ ...gridOf(grid), data }, "labels.nii.gz");
}
