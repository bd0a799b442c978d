import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { writeFileAtomic } from "../image/encode.node.js";
import { encodeLabelPng } from "../image/encode.js";
import type { LabelImage } from "../image/pixels.js";
import { linePicture } from "../report/linePicture.js";
import type { Video } from "../video/video.js";
import { dicomFilmSegHead } from "../volume/dicomSegWrite.js";
import { niftiLabelHead } from "../volume/niftiWrite.js";
import { BitPacker } from "../volume/segments.js";
import { notWritten, StagedFiles } from "./resultFiles.js";
import type { TrackedMasks } from "./trackedMasks.js";
import { PACKAGE_VERSION } from "./version.js";

/** What `medsam segment-video` writes. */
export interface VideoFiles {
  /** A folder with a label map for each frame. */
  readonly masks: string;
  readonly labels: string;
  /** Of DICOM, where something was found. */
  readonly segmentation?: string;
  readonly picture: string;
  readonly areas: string;
  readonly curve: string;
  readonly json: string;
}

/** What the outputs are named after: the file or folder without its ending. */
export function videoName(path: string): string {
  return basename(resolve(path)).replace(/\.(dcm|dicom|mp4|m4v|mov|avi|mkv|webm|mpe?g|wmv)$/i, "");
}

export function videoFiles(name: string, folder: string, isDicom: boolean): VideoFiles {
  const at = (ending: string) => join(folder, `${name}${ending}`);
  return {
    ...{ masks: at("_masks"), labels: at("_labels.nii.gz") },
    ...(isDicom && { segmentation: at("_labels.dcm") }),
    ...{ picture: at("_frames.png"), areas: at("_areas.csv"), curve: at("_areas.png"), json: at(".json") },
  };
}

/** What is written besides the masks themselves. */
export interface VideoResult {
  readonly video: Video;
  readonly masks: TrackedMasks;
  readonly document: object;
  readonly picture: Uint8Array;
}

/**
 * Writes a result, a frame at a time; all files or, when it fails or is stopped, none.
 *
 * @param onProgress told the share done, in (0, 1].
 */
export async function writeVideoFiles(
  files: VideoFiles,
  { video, masks, document, picture }: VideoResult,
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress?: (share: number) => void },
): Promise<void> {
  const staged = await StagedFiles.open(resolve(files.json, ".."));
  const passes = files.segmentation === undefined ? 2 : 3;
  let done = 0;
  async function* frames() {
    for (let frame = 0; frame < video.count; frame++) {
      signal.throwIfAborted();
      yield { frame, labels: await masks.labels(frame) };
      onProgress?.(++done / (passes * video.count));
    }
  }
  const write = (path: string, content: AsyncIterable<Uint8Array>, ...through: NodeJS.ReadWriteStream[]) =>
    onDisk(files, signal, () => pipeline([Readable.from(content, { objectMode: false }), ...through, createWriteStream(staged.place(path))])); // prettier-ignore
  try {
    await staged.write(files.json, `${JSON.stringify(document, null, 2)}\n`);
    await staged.write(files.areas, areasTable(video, masks));
    await staged.write(files.curve, areasPicture(video, masks));
    await staged.write(files.picture, picture);
    const folder = staged.place(files.masks);
    await onDisk(files, signal, () => mkdir(folder));
    for await (const { frame, labels } of frames()) {
      const path = join(folder, `${video.frameName(frame)}.png`);
      await onDisk(files, signal, () => writeFileAtomic(path, encodeLabelPng(labels)));
    }
    await write(files.labels, labelVolume(video, frames(), files.labels), createGzip());
    if (files.segmentation !== undefined && video.image !== undefined)
      await write(files.segmentation, segmentation(video.image, masks, frames()));
    await staged.publish();
  } finally {
    await staged.discard();
  }
}

/** What failed says that nothing was written, unless it was stopped. */
async function onDisk<T>(files: VideoFiles, signal: AbortSignal, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    signal.throwIfAborted();
    throw notWritten(resolve(files.json, ".."), error);
  }
}

type LabelledFrames = AsyncIterable<{ readonly frame: number; readonly labels: LabelImage }>;

/** A label video: a NIfTI file whose slices are the frames. */
async function* labelVolume(
  { width, height, count, pixelSize }: Video,
  frames: LabelledFrames,
  name: string,
): AsyncGenerator<Uint8Array> {
  const grid = {
    size: [width, height, count] as const,
    ...(pixelSize && { pixelSpacing: pixelSize, sliceSpacing: 1 }),
  };
  let isBegun = false;
  for await (const {
    labels: { data },
  } of frames) {
    if (!isBegun) yield niftiLabelHead(grid, data.BYTES_PER_ELEMENT, name);
    isBegun = true;
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}

/** A DICOM segmentation: frames of those where something was found, each object a segment. */
async function* segmentation(
  image: NonNullable<Video["image"]>,
  masks: TrackedMasks,
  frames: LabelledFrames,
): AsyncGenerator<Uint8Array> {
  const labels = [...new Set(masks.objects.map(({ label }) => label))];
  const found = new Set(masks.found);
  const listed: { segment: number; frame: number }[] = [];
  for (const frame of found) {
    const inFrame = new Set((await masks.labels(frame)).data);
    for (const [n, label] of labels.entries()) if (inFrame.has(label)) listed.push({ segment: n + 1, frame });
  }
  yield await dicomFilmSegHead(image, listed, segOptions(labels));
  const packer = new BitPacker();
  for await (const {
    frame,
    labels: { data },
  } of frames) {
    if (!found.has(frame)) continue;
    const inFrame = new Set(data);
    for (const label of labels)
      if (inFrame.has(label)) yield packer.push(Uint8Array.from(data, (value) => (value === label ? 1 : 0)));
  }
  yield packer.end();
}

/** How a segmentation names itself and the objects. */
export const segOptions = (labels: readonly number[]) => ({
  segments: labels.map((label) => ({ label, name: `Object ${label}` })),
  ...{ algorithm: "medsam-tfjs", version: PACKAGE_VERSION },
});

/** Areas over time: a line a frame and object. */
function areasTable(video: Video, masks: TrackedMasks): string {
  const { seconds, pixelSize } = video;
  const area = pixelSize && pixelSize[0] * pixelSize[1];
  const header = ["frame", "name", ...(seconds ? ["seconds"] : []), "object", "pixels", ...(area ? ["mm2"] : []), "object_score", "prompted"]; // prettier-ignore
  const objects = masks.objects.map(({ label, frames }) => ({
    label,
    frames: new Map(frames.map((one) => [one.slice, one])),
  }));
  const lines = [header.join(",")];
  for (let frame = 0; frame < video.count; frame++)
    for (const { label, frames } of objects) {
      const { pixels = 0, objectScore, prompted = false } = frames.get(frame) ?? {};
      const time = seconds ? [seconds[frame].toFixed(3)] : [];
      const real = area ? [(pixels * area).toFixed(2)] : [];
      const cells = [frame, quoted(video.frameName(frame)), ...time, label, pixels, ...real, objectScore?.toFixed(3) ?? "", prompted ? 1 : 0]; // prettier-ignore
      lines.push(cells.join(","));
    }
  return `${lines.join("\n")}\n`;
}

const quoted = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function areasPicture({ seconds, pixelSize }: Video, masks: TrackedMasks): Uint8Array {
  const area = pixelSize ? pixelSize[0] * pixelSize[1] : 1;
  return linePicture({
    title: "Areas",
    x: { label: seconds ? "seconds" : "frame" },
    y: { label: pixelSize ? "area, mm²" : "area, pixels", from: 0 },
    series: masks.objects.map(({ label, frames }) => ({
      name: `object ${label}`,
      points: frames.map(({ slice, pixels }) => [seconds?.[slice] ?? slice, pixels * area] as const),
    })),
  });
}
