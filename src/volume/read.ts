import { readNpz } from "../image/npz.js";
import type { Beside } from "./beside.js";
import { looksLikeDicom } from "./dicomParse.js";
import { openDicom } from "./dicomImage.js";
import { readDicomSeg } from "./dicomSegRead.js";
import { dicomVolume, type VolumeOptions } from "./dicomVolume.js";
import { toLabels } from "./labels.js";
import { looksLikeMetaImage, readMetaImage } from "./metaImage.js";
import { isGzip, readNifti } from "./nifti.js";
import { looksLikeNifti } from "./niftiHeader.js";
import { npzVolume, readNpzLabels } from "./npzVolume.js";
import { readNrrd } from "./nrrd.js";
import { looksLikeNrrd } from "./nrrdHeader.js";
import { readNrrdLabels } from "./nrrdLabels.js";
import type { Grid, LabelVolume, Volume } from "./volume.js";
import { VolumeError } from "./volumeError.js";

/** For files that may refer to others. */
export interface BesideOption {
  /** Gives files beside the one that is read: the values of `.hdr`, `.nhdr` and `.mhd`. */
  readonly beside?: Beside;
}

/** Names of volume files: content decides what a file is, but folders are searched, and names cut, by these. */
export const VOLUME_ENDING = /\.(nii(\.gz)?|hdr(\.gz)?|seg\.nrrd|nrrd|nhdr|mha|mhd|npz|dcm)$/i;

/** Names of files that hold values without a header. */
export const VALUES_NAME = /\.(img|raw|zraw)(\.gz)?$/i;

/**
 * Reads a volume from one file: NIfTI (also gzipped, or a pair), NRRD, MetaImage, MedSAM's npz, or DICOM, told apart by
 * content.
 *
 * @throws VolumeError or ImageError when it is none of these, damaged, cut off, or too large.
 */
export async function readVolume(
  bytes: Uint8Array,
  name: string,
  { beside, ...options }: VolumeOptions & BesideOption = {},
): Promise<Volume> {
  // A DICOM file may begin like any other: its first 128 bytes are free.
  if (looksLikeDicom(bytes)) return dicomVolume([openDicom(bytes, name)], name, options);
  if (looksLikeNrrd(bytes)) return readNrrd(bytes, name, beside);
  if (looksLikeMetaImage(bytes)) return readMetaImage(bytes, name, beside);
  if (isZip(bytes)) return npzVolume(readNpz(bytes, name));
  if (VALUES_NAME.test(name))
    throw new VolumeError(`${name}: holds values without a header; name the .hdr, .nhdr or .mhd beside it`);
  if (/\.hdr(\.gz)?$/i.test(name)) return readNifti(bytes, name, await imageOfPair(name, beside));
  if (isGzip(bytes) || looksLikeNifti(bytes)) return readNifti(bytes, name);
  return dicomVolume([openDicom(bytes, name)], name, options); // says what is missing
}

/** The `.img` of a `.hdr`; undefined where there is none, as a file in one part may be called so. */
async function imageOfPair(name: string, beside: Beside | undefined): Promise<Uint8Array | undefined> {
  const stem = name.replace(/^.*[/\\]/, "").replace(/hdr(\.gz)?$/i, (ending) => (ending.startsWith("H") ? "IMG" : "img")); // prettier-ignore
  return (await beside?.(stem)) ?? beside?.(`${stem}.gz`);
}

/** How labels are read. */
export interface LabelOptions extends BesideOption {
  /** Whose voxels a DICOM or Slicer segmentation is laid on; others have voxels of their own. */
  readonly image?: Grid;
  /** Names of an npz's arrays, of which the first that is there is read. Default `segs`, `gts`. */
  readonly npzArrays?: readonly string[];
}

/**
 * Reads labels: NIfTI, NRRD (3D Slicer's segmentations too), MetaImage, MedSAM's npz (`segs`, else `gts`), or a DICOM
 * segmentation.
 *
 * @throws VolumeError or ImageError when they cannot be read, or an image is needed and there is none.
 */
export async function readLabelVolume(
  bytes: Uint8Array,
  name: string,
  { image, beside, npzArrays }: LabelOptions = {},
): Promise<LabelVolume> {
  if (looksLikeDicom(bytes)) {
    if (image === undefined)
      throw new VolumeError(
        `${name}: a DICOM segmentation needs the image that it was made for; name it too`,
      );
    return (await readDicomSeg(bytes, image, name)).labels;
  }
  if (looksLikeNrrd(bytes)) return readNrrdLabels(bytes, name, { ...(beside && { beside }), ...(image && { image }) }); // prettier-ignore
  if (isZip(bytes)) return readNpzLabels(bytes, name, npzArrays);
  return toLabels(await readVolume(bytes, name, beside && { beside }));
}

/** Whether a file's content says that it is of a kind that `readVolume` takes. */
export function looksLikeVolume(bytes: Uint8Array): boolean {
  return [isGzip, looksLikeNifti, looksLikeNrrd, looksLikeMetaImage, isZip, looksLikeDicom].some((looks) => looks(bytes)); // prettier-ignore
}

const isZip = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b;
