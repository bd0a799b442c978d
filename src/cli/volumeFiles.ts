import { rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import type { VolumeSegmentation } from "../predictor/volume/volumeResult.js";
import type { DicomImage } from "../volume/dicomImage.js";
import { dicomSegBytes } from "../volume/dicomSegWrite.js";
import { niftiLabelBytes } from "../volume/niftiWrite.js";
import { npzBytes } from "../volume/npzWrite.js";
import { spacingOf } from "../volume/volume.js";
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
  return basename(resolve(path)).replace(/(\.nii)?\.(gz|nii|npz|dcm)$/i, "");
}

export function volumeFiles(path: string, name: string, isDicom: boolean, folder: string): VolumeFiles {
  const at = (ending: string) => join(folder, `${name}${ending}`);
  return {
    labels: at(/\.npz$/i.test(path) ? "_labels.npz" : "_labels.nii.gz"),
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
  const [width, height, depth] = labels.size;
  const bytes = files.labels.endsWith(".npz")
    ? npzBytes({
        segs: { shape: [depth, height, width], data: labels.data },
        ...(labels.pixelSpacing && {
          spacing: { shape: [3], data: Float64Array.from(spacingOf(labels, files.labels)) },
        }),
      })
    : niftiLabelBytes(labels, files.labels);
  const segments = objects.map(({ label }) => ({ label, name: `Object ${label}` }));
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
