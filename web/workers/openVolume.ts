import { valueRange, type LabelImage } from "../../src/image/pixels.js";
import { openDicomSeries, type NamedBytes } from "../../src/volume/dicomSeries.js";
import { dicomVolume, type VolumeOptions } from "../../src/volume/dicomVolume.js";
import { gridOf } from "../../src/volume/labels.js";
import { niftiLabelBytes } from "../../src/volume/niftiWrite.js";
import { readVolume } from "../../src/volume/read.js";
import { realValues } from "../../src/volume/values.js";
import type { Grid, Volume } from "../../src/volume/volume.js";
import { VolumeError } from "../../src/volume/volumeError.js";
import type { ImageInfo } from "./imageWorker.js";

/** Opens a volume from one file, or the largest series of several DICOM files. */
export async function openVolume(
  files: readonly NamedBytes[],
  options: VolumeOptions,
): Promise<{ volume: Volume; info: Omit<ImageInfo, "sha256"> }> {
  const volume = realValues(await (files.length === 1 ? readVolume(files[0].bytes, files[0].name, options) : series(files, options))); // prettier-ignore
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

function series(files: readonly NamedBytes[], options: VolumeOptions): Promise<Volume> {
  const [largest] = openDicomSeries(files);
  if (largest === undefined)
    throw new VolumeError(
      `${files.length} files, none of them a DICOM image: open one picture or volume at a time, ` +
        "or all files of a DICOM series",
    );
  return dicomVolume(largest.images, largest.title, options);
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
