import { open } from "node:fs/promises";
import { decodeImage, decodeLabels } from "./decode.js";
import { readNpz, type Npz } from "./npz.js";
import { ImageError, type LabelImage, type PixelImage } from "./pixels.js";

/** Largest file that is read into memory: 2 GiB. */
const MAX_FILE = 2 ** 31;

/** `decodeImage` of a file. Node only. @throws ImageError when it cannot be read. */
export async function readImageFile(path: string): Promise<PixelImage> {
  return decodeImage(await readBytes(path), path);
}

/** `decodeLabels` of a file. Node only. @throws ImageError when it cannot be read. */
export async function readLabelFile(path: string): Promise<LabelImage> {
  return decodeLabels(await readBytes(path), path);
}

/** `readNpz` of a file. Node only. @throws ImageError when it cannot be read. */
export async function readNpzFile(path: string): Promise<Npz> {
  return readNpz(await readBytes(path), path);
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      if (size > MAX_FILE)
        throw new ImageError(
          `${path}: ${size} bytes are more than the limit of ${MAX_FILE} for an image file`,
        );
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof ImageError) throw error;
    throw new ImageError(
      `${path}: cannot be read (${error instanceof Error ? error.message : String(error)})`,
    );
  }
}
