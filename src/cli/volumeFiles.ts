import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { writeFileAtomic } from "../image/encode.node.js";
import type { VolumeSegmentation } from "../predictor/segmentVolume.js";
import type { DicomImage } from "../volume/dicomImage.js";
import { dicomSegBytes } from "../volume/dicomSegWrite.js";
import { niftiLabelBytes } from "../volume/niftiWrite.js";
import { npzBytes } from "../volume/npzWrite.js";
import { spacingOf } from "../volume/volume.js";
import { PACKAGE_VERSION } from "./version.js";

/** What `medsam segment-volume` writes. */
export interface VolumeFiles {
  readonly labels: string;
  /** Of DICOM, where something was found. */
  readonly segmentation?: string;
  readonly picture: string;
  readonly json: string;
}

export function volumeFiles(path: string, isDicom: boolean, folder: string): VolumeFiles {
  const name = basename(resolve(path)).replace(/(\.nii)?\.(gz|nii|npz|dcm)$/i, "");
  const at = (ending: string) => join(folder, `${name}${ending}`);
  return {
    labels: at(/\.npz$/i.test(path) ? "_labels.npz" : "_labels.nii.gz"),
    ...(isDicom && { segmentation: at("_labels.dcm") }),
    ...{ picture: at("_slices.png"), json: at(".json") },
  };
}

/** What this command did not write is never overwritten. */
export function assertMayWriteVolume(files: VolumeFiles): void {
  const inTheWay = Object.values<string>({ ...files }).find((path) => existsSync(path));
  if (inTheWay === undefined) return;
  if (existsSync(files.json) && readFileSync(files.json, "utf8").includes('"medsam-tfjs"')) return;
  throw new Error(
    `${inTheWay}: is there already and was not written by medsam segment-volume; choose another folder with --out`,
  );
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
  await writeFileAtomic(files.json, `${JSON.stringify(document, null, 2)}\n`);
  await writeFileAtomic(files.labels, bytes);
  await writeFileAtomic(files.picture, picture);
  if (files.segmentation === undefined) return;
  if (segmentation !== undefined) await writeFileAtomic(files.segmentation, segmentation);
  // One of an earlier run must not be taken for this one's.
  else await rm(files.segmentation, { force: true });
}
