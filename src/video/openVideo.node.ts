import { open, readFile, stat } from "node:fs/promises";
import { isPicture } from "../image/decode.js";
import { openDicom } from "../volume/dicomImage.js";
import { looksLikeDicom } from "../volume/dicomParse.js";
import { looksLikeVolume } from "../volume/read.js";
import { dicomVideo } from "./dicomVideo.js";
import { openFfmpegVideo, type OpenVideoOptions } from "./ffmpegVideo.node.js";
import { openFolderVideo } from "./folderVideo.node.js";
import { VideoError, type Video } from "./video.js";

/** Bytes that tell what a file is. */
const FIRST = 4096;
/** Largest DICOM file that is read into memory: 2 GiB. */
const MAX_FILE = 2 ** 31;

/**
 * Opens a video: a folder of frames, a DICOM file of several frames, or any file that the system's ffmpeg reads. Close
 * it when it is no longer needed. Node only.
 *
 * @throws VideoError, ImageError or VolumeError when it is none of these, has no frames, or cannot be read.
 */
export async function openVideo(path: string, options: OpenVideoOptions = {}): Promise<Video> {
  const { isDirectory, size, first } = await look(path);
  if (isDirectory) return openFolderVideo(path);
  if (looksLikeDicom(first)) {
    if (size > MAX_FILE)
      throw new VideoError(`${path}: ${size} bytes are more than the limit of ${MAX_FILE} for one file`);
    const image = openDicom(await readFile(path), path);
    if (image.format.frames === 1)
      throw new VideoError(`${path}: has one frame; medsam segment takes single images`);
    return dicomVideo(image);
  }
  if (isPicture(first))
    throw new VideoError(
      `${path}: is a single picture; name the folder with all frames, or use medsam segment for this one`,
    );
  if (looksLikeVolume(first))
    throw new VideoError(`${path}: is no video but a volume; use medsam segment-volume`);
  return openFfmpegVideo(path, options);
}

async function look(path: string): Promise<{ isDirectory: boolean; size: number; first: Uint8Array }> {
  try {
    const about = await stat(path);
    if (about.isDirectory()) return { isDirectory: true, size: 0, first: new Uint8Array() };
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(new Uint8Array(FIRST), 0, FIRST, 0);
      return { isDirectory: false, size: about.size, first: buffer.subarray(0, bytesRead) };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new VideoError(
      `${path}: cannot be read (${error instanceof Error ? error.message : String(error)})`,
    );
  }
}
