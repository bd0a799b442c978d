import { readNpz } from "../image/npz.js";
import { looksLikeDicom } from "./dicomParse.js";
import { openDicom } from "./dicomImage.js";
import { dicomVolume, type VolumeOptions } from "./dicomVolume.js";
import { isGzip, readNifti } from "./nifti.js";
import { looksLikeNifti } from "./niftiHeader.js";
import { npzVolume } from "./npzVolume.js";
import type { Volume } from "./volume.js";

/**
 * Reads a volume from one file: NIfTI (also gzipped), MedSAM's npz, or DICOM, told apart by content.
 *
 * @throws VolumeError or ImageError when it is none of these, damaged, cut off, or too large.
 */
export async function readVolume(bytes: Uint8Array, name: string, options?: VolumeOptions): Promise<Volume> {
  // A DICOM file may begin like any other: its first 128 bytes are free.
  const dicom = looksLikeDicom(bytes);
  if (!dicom && (isGzip(bytes) || looksLikeNifti(bytes))) return readNifti(bytes, name);
  if (!dicom && isZip(bytes)) return npzVolume(readNpz(bytes, name));
  return dicomVolume([openDicom(bytes, name)], name, options);
}

/** Whether a file's content says that it is of a kind that `readVolume` takes. */
export function looksLikeVolume(bytes: Uint8Array): boolean {
  return isGzip(bytes) || looksLikeNifti(bytes) || isZip(bytes) || looksLikeDicom(bytes);
}

const isZip = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b;
