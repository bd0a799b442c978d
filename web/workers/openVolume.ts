import { startOf } from "../../src/image/decode.js";
import { ImageError, valueRange, type LabelImage } from "../../src/image/pixels.js";
import type { Beside } from "../../src/volume/beside.js";
import { openDicomSeries, readSeries, type NamedBytes } from "../../src/volume/dicomSeries.js";
import type { VolumeOptions } from "../../src/volume/dicomVolume.js";
import { gridOf } from "../../src/volume/labels.js";
import { niftiLabelBytes } from "../../src/volume/niftiWrite.js";
import { nrrdLabelBytes } from "../../src/volume/nrrdWrite.js";
import { looksLikeVolume, readVolume, VALUES_NAME } from "../../src/volume/read.js";
import type { Segment } from "../../src/volume/segments.js";
import { realValues } from "../../src/volume/values.js";
import type { Grid, Volume } from "../../src/volume/volume.js";
import { VolumeError } from "../../src/volume/volumeError.js";
import type { ImageInfo } from "./imageWorker.js";

/** Opens a volume from one file, a header and the files of its values, or the largest series of several DICOM files. */
export async function openVolume(
  files: readonly NamedBytes[],
  options: VolumeOptions,
): Promise<{ volume: Volume; info: Omit<ImageInfo, "sha256"> }> {
  const header = files.find(({ name }) => HEADER_NAME.test(name));
  const opened = header ?? (files.length === 1 ? files[0] : undefined);
  const volume = realValues(await (opened ? single(opened, files, options) : series(files, options)));
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

/** Names of headers whose values lie in files of their own. */
const HEADER_NAME = /\.(hdr(\.gz)?|nhdr|mhd)$/i;

/** Names of DICOM files, many of which have no ending or end in a number. */
const DICOM_NAME = /(^[^.]*|\.(dcm|dicom|ima|\d+))$/i;

function single(
  { bytes, name }: NamedBytes,
  files: readonly NamedBytes[],
  options: VolumeOptions,
): Promise<Volume> {
  // What is called DICOM, or holds the values of a header, is told as that.
  if (
    !looksLikeVolume(bytes) &&
    ![DICOM_NAME, HEADER_NAME, VALUES_NAME].some((pattern) => pattern.test(name))
  )
    throw new ImageError(
      `${name}: is no PNG, JPEG, TIFF, DICOM, NIfTI, NRRD, MetaImage or npz file (it starts with: ${startOf(bytes)})`,
    );
  const beside: Beside = (file) => Promise.resolve(files.find((other) => other.name === file)?.bytes);
  return readVolume(bytes, name, { ...options, beside });
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

/** What a label volume is written as: NIfTI, or NRRD for 3D Slicer, which names the objects. */
export interface LabelVolumeFormat {
  readonly format: "nii.gz" | "seg.nrrd";
  readonly segments: readonly Segment[];
}

/** Label maps of some slices as a volume's file. */
export function labelVolumeOf(
  grid: Grid,
  maps: ReadonlyMap<number, LabelImage>,
  { format, segments }: LabelVolumeFormat,
): Uint8Array {
  const [width, height, depth] = grid.size;
  const wide = [...maps.values()].some(({ data }) => data instanceof Uint16Array);
  const data = new (wide ? Uint16Array : Uint8Array)(width * height * depth);
  for (const [index, map] of maps) {
    if (index >= depth)
      throw new VolumeError(
        "labels lie in a later frame: a label volume holds one frame; export PNG instead",
      );
    data.set(map.data, index * width * height);
  }
  const labels = { ...gridOf(grid), data };
  return format === "nii.gz" ? niftiLabelBytes(labels, "labels.nii.gz") : nrrdLabelBytes(labels, segments);
}
