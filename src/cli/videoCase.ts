import { rm } from "node:fs/promises";
import { basename, resolve } from "node:path";
import type { LongCall } from "../predictor/longCall.js";
import { PromptError } from "../predictor/types.js";
import type { Tracker } from "../predictor/volume/tracker.js";
import { boxWarnings, checkObjects, type VolumeObject } from "../predictor/volume/volumeObject.js";
import { eightBitVideo, type EightBitFrames } from "../video/eightBitVideo.js";
import { openVideo } from "../video/openVideo.node.js";
import type { Video } from "../video/video.js";
import { dicomFilmSegHead } from "../volume/dicomSegWrite.js";
import { VolumeError } from "../volume/volumeError.js";
import { messageOf } from "./errors.js";
import { videoCommand, type Provenance } from "./provenance.js";
import { TrackedMasks, type TrackedObject } from "./trackedMasks.js";
import { PACKAGE_VERSION } from "./version.js";
import { segOptions, videoFiles, videoName, writeVideoFiles, type VideoFiles } from "./videoFiles.js";
import { framesPicture } from "./videoPicture.js";
import { videoObjects, type VideoPromptOptions } from "./videoPrompts.js";
import { toPrompts, type ToldPrompt } from "./volumePrompts.js";

/** How a video is read and segmented. */
export interface VideoOptions extends VideoPromptOptions {
  readonly checkpoint?: string;
  readonly imageSize?: number;
  readonly preset: string;
  readonly intensity?: string;
  readonly out: string;
}

/** A video that was read, and what is to be found in it. */
export interface OpenedVideo {
  readonly video: Video;
  readonly frames: EightBitFrames;
  readonly intensity: string;
  readonly objects: readonly VolumeObject[];
  readonly warnings: readonly string[];
  readonly files: VideoFiles;
  /** What is written when something fails in the middle. */
  readonly unfinishedFiles: VideoFiles;
}

/** What NAME.json holds. */
export interface VideoDocument {
  readonly video: {
    readonly file: string;
    readonly frames: number;
    readonly width: number;
    readonly height: number;
    readonly pixelSize?: readonly number[];
  };
  readonly objects: readonly {
    readonly label: number;
    readonly frames: readonly ({ readonly frame: number } & Omit<TrackedObject["frames"][number], "slice">)[];
  }[];
  /** What was asked for; `slices` are frames. */
  readonly prompts: readonly ToldPrompt[];
  readonly warnings: readonly string[];
  readonly files: Readonly<Partial<Record<keyof VideoFiles, string>>>;
  /** Why frames beyond those that are listed were not done. */
  readonly unfinished?: string;
  readonly provenance: Pick<
    Provenance,
    "package" | "version" | "checkpoint" | "preset" | "backend" | "command" | "folder"
  > & {
    readonly intensity: string;
    readonly imageSize: number;
  };
}

/** What was used, for the provenance. */
export interface VideoSettings extends Omit<VideoOptions, "checkpoint" | "imageSize"> {
  readonly checkpoint: Provenance["checkpoint"];
  readonly imageSize: number;
  readonly backend: string;
}

/** Reads a video as a whole once, so that damage is found before anything is computed, and what is to be found in it. */
export async function openVideoCase(
  path: string,
  options: VideoOptions,
  call: LongCall,
): Promise<OpenedVideo> {
  const { signal, onProgress } = call;
  const part = (from: number, to: number): LongCall => ({
    ...(signal && { signal }),
    ...(onProgress && { onProgress: (share) => onProgress(from + share * (to - from)) }),
  });
  const video = await openVideo(path, part(0, 0.5));
  try {
    const asked = await videoObjects(video, options);
    const objects = checkObjects({ ...video, unit: "frame" }, asked);
    const reason = await whyNoSegmentation(video);
    const { frames, intensity } = await eightBitVideo(video, options.intensity, part(0.5, 1));
    const warnings = [
      ...video.warnings,
      ...boxWarnings(frames, asked),
      ...(reason === undefined
        ? []
        : [`${video.name}: no DICOM segmentation is written, as ${reason}; the other labels are`]),
    ];
    const name = videoName(path);
    const isDicom = video.image !== undefined && reason === undefined;
    return {
      ...{ video, frames, intensity, objects, warnings },
      files: videoFiles(name, options.out, isDicom),
      unfinishedFiles: videoFiles(`${name}_unfinished`, options.out, isDicom),
    };
  } catch (error) {
    await video.close();
    throw error;
  }
}

/** Known before anything is computed. */
async function whyNoSegmentation({ image }: Video): Promise<string | undefined> {
  if (image === undefined) return undefined;
  try {
    await dicomFilmSegHead(image, [{ segment: 1, frame: 0 }], segOptions([1]));
    return undefined;
  } catch (error) {
    if (error instanceof VolumeError) return error.message;
    throw error;
  }
}

/**
 * Follows the objects and writes the files; all of them or, when it fails or is interrupted, none. What was found before
 * something else failed in the middle is written as unfinished.
 */
export async function segmentVideoCase(
  tracker: Tracker,
  opened: OpenedVideo,
  settings: VideoSettings,
  {
    signal,
    onProgress,
  }: { readonly signal: AbortSignal; readonly onProgress: (share: number, what: string) => void },
): Promise<VideoDocument> {
  const { video, frames, objects } = opened;
  const masks = await TrackedMasks.open(frames, objects);
  try {
    const tracking = { signal, onProgress: (share: number) => onProgress(share, "segmenting") };
    let unfinished: string | undefined;
    try {
      for await (const found of tracker.track(frames, objects, tracking)) await masks.add(found);
    } catch (error) {
      if (signal.aborted || error instanceof PromptError || masks.found.length === 0) throw error;
      unfinished = messageOf(error);
    }
    signal.throwIfAborted();
    const { segmentation, ...others } = unfinished === undefined ? opened.files : opened.unfinishedFiles;
    const isFound = masks.found.length > 0;
    const files = isFound && segmentation !== undefined ? { ...others, segmentation } : others;
    const document = documentOf(opened, masks, files, settings, unfinished);
    const picture = await framesPicture(frames, masks, objects);
    const writing = { signal, onProgress: (share: number) => onProgress(share, "writing") };
    await writeVideoFiles(files, { video, masks, document, picture }, writing);
    // One of an earlier run must not be taken for this one's.
    if (segmentation !== undefined && !isFound) await rm(segmentation, { force: true });
    return document;
  } finally {
    await masks.close();
  }
}

function documentOf(
  { video, intensity, objects, warnings }: OpenedVideo,
  masks: TrackedMasks,
  files: VideoFiles,
  settings: VideoSettings,
  unfinished: string | undefined,
): VideoDocument {
  const { width, height, count, pixelSize, name } = video;
  const { checkpoint, preset, imageSize, backend } = settings;
  return {
    video: { file: basename(resolve(name)), frames: count, width, height, ...(pixelSize && { pixelSize }) },
    objects: masks.objects.map(({ label, frames }) => ({
      label,
      frames: frames.map(({ slice, ...about }) => ({ frame: slice, ...about })),
    })),
    prompts: toPrompts(objects),
    // As in all that is written, without the folder, which may be named after a patient.
    warnings: warnings.map((warning) => warning.replaceAll(name, basename(name))),
    files: Object.fromEntries(
      Object.entries<string>({ ...files }).map(([what, file]) => [what, basename(file)]),
    ),
    ...(unfinished !== undefined && { unfinished }),
    provenance: {
      ...{
        package: "medsam-tfjs",
        version: PACKAGE_VERSION,
        checkpoint,
        preset,
        intensity,
        imageSize,
        backend,
      },
      ...videoCommand(name, settings, intensity),
    },
  };
}
