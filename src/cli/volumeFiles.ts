import { rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import type { VolumeSegmentation } from "../predictor/volume/volumeResult.js";
import type { DicomImage } from "../volume/dicomImage.js";
import { dicomSegBytes } from "../volume/dicomSegWrite.js";
import { metaImageLabelBytes } from "../volume/metaImageWrite.js";
import { niftiLabelBytes } from "../volume/niftiWrite.js";
import { npzBytes } from "../volume/npzWrite.js";
import { nrrdLabelBytes } from "../volume/nrrdWrite.js";
import { VOLUME_ENDING } from "../volume/read.js";
import type { Segment } from "../volume/segments.js";
import { spacingOf, type LabelVolume } from "../volume/volume.js";
import { writeAll } from "./resultFiles.js";
import { PACKAGE_VERSION } from "./version.js";

/** What `medsam segment-volume` writes. */
export interface VolumeFiles {
  readonly labels: string;
  /** Of DICOM, where something was found. */
  readonly segmentation?: string;
  readonly picture: string;
  readonly json: string;
}

/** What the outputs are named after: the file or folder without its ending. */
export function volumeName(path: string): string {
  return basename(resolve(path))
    .replace(/\.img(\.gz)?$/i, "")
    .replace(VOLUME_ENDING, "");
}

/** Formats that labels are written in, by their endings. */
export const LABEL_FORMATS = ["nii.gz", "seg.nrrd", "mha", "npz"] as const;
/** One of `LABEL_FORMATS`. */
export type LabelFormat = (typeof LABEL_FORMATS)[number];

/** What labels are written as when nobody says: as the volume that they belong to, for DICOM as NIfTI. */
function formatOf(path: string): LabelFormat {
  if (/\.npz$/i.test(path)) return "npz";
  if (/\.(nrrd|nhdr)$/i.test(path)) return "seg.nrrd";
  return /\.(mha|mhd)$/i.test(path) ? "mha" : "nii.gz";
}

export function volumeFiles(
  path: string,
  name: string,
  isDicom: boolean,
  folder: string,
  format: LabelFormat = formatOf(path),
): VolumeFiles {
  const at = (ending: string) => join(folder, `${name}${ending}`);
  return {
    labels: at(`_labels.${format}`),
    ...(isDicom && { segmentation: at("_labels.dcm") }),
    ...{ picture: at("_slices.png"), json: at(".json") },
  };
}

/** The same files, less those that there are none of: a DICOM segmentation of nothing is no file. */
export function filesWithout(files: VolumeFiles, { labels }: VolumeSegmentation): VolumeFiles {
  const { segmentation, ...others } = files;
  return labels.data.every((label) => label === 0)
    ? others
    : { ...others, ...(segmentation && { segmentation }) };
}

/** Everything is made before anything is written. */
export async function writeVolumeFiles(
  files: VolumeFiles,
  { labels, objects }: VolumeSegmentation,
  { document, picture, images }: { document: object; picture: Uint8Array; images?: readonly DicomImage[] },
): Promise<void> {
  const segments = [...new Set(objects.map(({ label }) => label))].map((label) => ({ label, name: `Object ${label}` })); // prettier-ignore
  const bytes = labelBytes(labels, segments, files.labels);
  const written = filesWithout(files, { labels, objects });
  const segmentation =
    written.segmentation !== undefined && images !== undefined
      ? await dicomSegBytes(labels, images, { segments, algorithm: "medsam-tfjs", version: PACKAGE_VERSION })
      : undefined;
  await writeAll([
    [files.json, `${JSON.stringify(document, null, 2)}\n`],
    [files.labels, bytes],
    [files.picture, picture],
    ...(files.segmentation !== undefined && segmentation !== undefined
      ? [[files.segmentation, segmentation] as const]
      : []),
  ]);
  // One of an earlier run must not be taken for this one's.
  if (files.segmentation !== undefined && segmentation === undefined)
    await rm(files.segmentation, { force: true });
}

function labelBytes(labels: LabelVolume, segments: readonly Segment[], path: string): Uint8Array {
  if (path.endsWith(".seg.nrrd")) return nrrdLabelBytes(labels, segments);
  if (path.endsWith(".mha")) return metaImageLabelBytes(labels);
  if (!path.endsWith(".npz")) return niftiLabelBytes(labels, path);
  const [width, height, depth] = labels.size;
  return npzBytes({
    segs: { shape: [depth, height, width], data: labels.data },
    ...(labels.pixelSpacing && {
      spacing: { shape: [3], data: Float64Array.from(spacingOf(labels, path)) },
    }),
  });
}
