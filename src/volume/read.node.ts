import { existsSync } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Beside } from "./beside.js";
import { looksLikeDicom } from "./dicomParse.js";
import { openDicom, type DicomImage } from "./dicomImage.js";
import { openDicomSeries, readSeries, type NamedBytes } from "./dicomSeries.js";
import { dicomVolume, type VolumeOptions } from "./dicomVolume.js";
import { readLabelVolume, readVolume } from "./read.js";
import type { Grid, LabelVolume, Volume } from "./volume.js";
import { VolumeError } from "./volumeError.js";

/** Largest file that is read into memory: 2 GiB. */
const MAX_FILE = 2 ** 31;

export interface ReadVolumeOptions extends VolumeOptions {
  /** Which series of a folder, from 1 on, the one with most files first; needed where several are volumes. */
  readonly series?: number;
}

/** A volume, and the DICOM images that it was made of, if any: what a DICOM segmentation refers to. */
export interface VolumeWithSource {
  readonly volume: Volume;
  readonly images?: readonly DicomImage[];
}

/**
 * Reads a volume from a file (`readVolume`) or from a folder with a DICOM series, its subfolders included. Node only.
 *
 * @throws VolumeError when it cannot be read, and when a folder has no series, or several that are volumes.
 */
export async function readVolumeFile(path: string, options: ReadVolumeOptions = {}): Promise<Volume> {
  return (await readVolumeWithSource(path, options)).volume;
}

/** As `readVolumeFile`. Node only. */
export async function readVolumeWithSource(
  path: string,
  options: ReadVolumeOptions = {},
): Promise<VolumeWithSource> {
  let names: string[];
  try {
    if (!(await stat(path)).isDirectory()) {
      const { bytes, name, beside } = await openFile(path);
      if (!looksLikeDicom(bytes)) return { volume: await readVolume(bytes, name, { ...options, beside }) };
      const images = [openDicom(bytes, path)];
      return { volume: await dicomVolume(images, path, options), images };
    }
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    names = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    throw error instanceof Error && "code" in error ? unreadable(path, error) : error;
  }
  const files: NamedBytes[] = [];
  for (const name of names) files.push({ name, bytes: await readBytes(name) });
  return readSeries(openDicomSeries(files), options.series, basename(path), options);
}

/**
 * Reads labels from a file, as `readLabelVolume`. Node only.
 *
 * @param image whose voxels a DICOM or Slicer segmentation is laid on; others have voxels of their own.
 * @param npzArrays as in `LabelOptions`.
 * @throws VolumeError or ImageError when it cannot be read, or an image is needed and there is none.
 */
export async function readLabelVolumeFile(
  path: string,
  image?: Grid,
  npzArrays?: readonly string[],
): Promise<LabelVolume> {
  const { bytes, name, beside } = await openFile(path);
  return readLabelVolume(bytes, name, { beside, ...(image && { image }), ...(npzArrays && { npzArrays }) });
}

/** A file and those beside it. Of a pair either may be named: the header is opened. */
async function openFile(path: string): Promise<{ bytes: Uint8Array; name: string; beside: Beside }> {
  const headers = ["", ".gz"].map((gz) => path.replace(/\.img(\.gz)?$/i, `.hdr${gz}`));
  const name = headers.find((header) => header !== path && existsSync(header)) ?? path;
  const beside: Beside = async (file) => {
    const full = join(dirname(name), file);
    return existsSync(full) ? readBytes(full) : undefined;
  };
  return { bytes: await readBytes(name), name, beside };
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size > MAX_FILE)
        throw new VolumeError(`${path}: ${size} bytes are more than the limit of ${MAX_FILE} for one file`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw error instanceof VolumeError ? error : unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): VolumeError {
  return new VolumeError(
    `${path}: cannot be read (${error instanceof Error ? error.message : String(error)})`,
  );
}
