import { readdir } from "node:fs/promises";
import { basename, join, parse } from "node:path";
import { readImageFile } from "../image/decode.node.js";
import type { PixelImage } from "../image/pixels.js";
import { assertFrameCount, assertFrameSize, ofFrame, VideoError, type Video } from "./video.js";

const PICTURE = /\.(png|jpe?g|tiff?)$/i;
/** As people number: frame2 comes before frame10. */
const naturally = new Intl.Collator("en", { numeric: true });

/**
 * A folder of frames: its PNG, JPEG and TIFF files, sorted naturally by name. Subfolders and other files do not count.
 * Node only.
 *
 * @throws VideoError when there are no frames, or two have one name but for their endings.
 */
export async function openFolderVideo(folder: string): Promise<Video> {
  const entries = await readdir(folder, { withFileTypes: true });
  const files = entries
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith(".") && PICTURE.test(entry.name))
    .map((entry) => entry.name)
    .sort((a, b) => naturally.compare(a, b) || (a < b ? -1 : 1));
  const dicom = entries.some((entry) => /\.dcm$/i.test(entry.name));
  assertFrameCount(
    folder,
    files.length,
    files.length > 0
      ? "put a part of them into a folder of its own"
      : dicom
        ? "it has DICOM files: name the one with the video"
        : "expected PNG, JPEG or TIFF files, one a frame",
  );
  const names = files.map((file) => parse(file).name);
  const seen = new Map<string, string>();
  for (const [n, name] of names.entries()) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined)
      throw new VideoError(
        `${folder}: ${other} and ${files[n]} are two frames of one name; expected each frame once, and nothing else ` +
          "beside them, such as masks",
      );
    seen.set(name.toLowerCase(), files[n]);
  }
  const first = await frameFile(folder, files, 0);
  const { width, height } = first;
  return {
    ...{ name: folder, count: files.length, width, height, warnings: first.warnings ?? [] },
    frameName: (frame) => names[frame],
    read: async (frame) => {
      const image = await frameFile(folder, files, frame);
      assertFrameSize(image, { width, height }, `${basename(folder)}, frame ${frame}, ${files[frame]}`);
      return image;
    },
    close: () => Promise.resolve(),
  };
}

async function frameFile(folder: string, files: readonly string[], frame: number): Promise<PixelImage> {
  try {
    return await readImageFile(join(folder, files[frame]));
  } catch (error) {
    throw ofFrame(error, basename(folder), frame);
  }
}
