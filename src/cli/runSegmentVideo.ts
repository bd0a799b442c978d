import { useBackend } from "../backend/useBackend.node.js";
import type { BackendName } from "../backend/useBackend.js";
import { buildSam2 } from "../model/load.js";
import { findPreset, PRESETS } from "../predictor/presetTable.js";
import { Sam2VideoPredictor } from "../predictor/videoPredictor.js";
import { MemoryTracker } from "../predictor/volume/memoryTracker.js";
import { UsageError } from "./errors.js";
import { columns, thousands } from "./format.js";
import { openModelWith } from "./openModel.js";
import { Progress } from "./progress.js";
import { assertMayOverwrite } from "./resultFiles.js";
import { assertPreset } from "./runSegment.js";
import { settingsText } from "./settingsText.js";
import {
  openVideoCase,
  segmentVideoCase,
  type OpenedVideo,
  type VideoDocument,
  type VideoOptions,
} from "./videoCase.js";
import { checkVideoPrompts } from "./videoPrompts.js";

/** The options of `medsam segment-video`. */
export interface SegmentVideoOptions extends VideoOptions {
  readonly backend: BackendName | "auto";
  readonly json?: boolean;
}

/** Segments objects in one video and writes its files; all of them or, when it fails or is interrupted, none. */
export async function runSegmentVideo(
  path: string,
  options: SegmentVideoOptions,
  signal: AbortSignal,
): Promise<void> {
  checkVideoPrompts(options);
  assertVideoPreset(options);
  if (options.checkpoint === undefined)
    throw new UsageError(
      "no weights: expected --checkpoint with those of MedSAM2 or SAM 2.1, such as medsam2 (see: medsam download); those in the " +
        "package have no memory",
    );
  const reading = new Progress("reading the video");
  const opened = await openVideoCase(path, options, {
    signal,
    onProgress: (share) => reading.update(share),
  }).finally(() => reading.stop());
  try {
    for (const warning of opened.warnings) console.error(`medsam: ${warning}`);
    assertMayOverwrite({ ...opened.files }, "segment-video");
    await segment(opened, options, signal);
  } finally {
    await opened.video.close();
  }
}

async function segment(
  opened: OpenedVideo,
  options: SegmentVideoOptions,
  signal: AbortSignal,
): Promise<void> {
  const backend = await useBackend(options.backend, {
    onSkip: (name, reason) => console.error(`medsam: backend ${name} is passed over: ${reason}`),
  });
  const { model, checkpoint } = await openModelWith(buildSam2, options.checkpoint, { ...options, signal });
  const predictor = new Sam2VideoPredictor(model, { preset: findPreset(options.preset) });
  const progress = new Progress("segmenting");
  const settings = { ...options, checkpoint, backend, imageSize: model.config.imageSize };
  try {
    const document = await segmentVideoCase(new MemoryTracker(predictor), opened, settings, {
      signal,
      onProgress: (share, what) => progress.update(share, what),
    });
    progress.stop();
    if (options.json) console.log(JSON.stringify(document, null, 2));
    else print(opened, document);
    if (document.unfinished !== undefined)
      throw new Error(
        `${opened.video.name}: stopped in the middle: ${document.unfinished}; what was found before is in ${opened.unfinishedFiles.json} and the files beside it`,
      );
  } finally {
    progress.stop();
    await predictor.dispose();
    model.dispose();
  }
}

/** @throws UsageError for a preset or an intensity that there is not, or one that follows nothing. */
function assertVideoPreset(options: SegmentVideoOptions): void {
  assertPreset(options);
  const { memory, name } = findPreset(options.preset);
  if (memory === undefined)
    throw new UsageError(
      `preset ${name} is for single images; expected one of ${PRESETS.filter((preset) => preset.memory).map((preset) => preset.name).join(", ")}`, // prettier-ignore
    );
}

function print({ files, unfinishedFiles }: OpenedVideo, document: VideoDocument): void {
  const { video, objects, provenance, unfinished } = document;
  console.log(`${video.file}, ${video.frames} frames of ${video.width} x ${video.height} pixels`);
  for (const { label, frames } of objects) {
    const found = frames.filter(({ pixels }) => pixels > 0);
    const areas = found.map(({ pixels }) => pixels);
    console.log(
      found.length === 0
        ? `  object ${label}: nothing found`
        : `  object ${label}: in ${found.length} frames, ${found[0].frame} to ${found[found.length - 1].frame}, ` +
            `${thousands(Math.min(...areas))} to ${thousands(Math.max(...areas))} pixels`,
    );
  }
  const written = unfinished === undefined ? files : unfinishedFiles;
  const rows = [
    [`  ${written.masks}`, "a label map for each frame: object k has the value k"],
    [`  ${written.labels}`, "all of them in one file, frames as slices"],
    ...(document.files.segmentation !== undefined && written.segmentation !== undefined
      ? [
          [
            `  ${written.segmentation}`,
            "the same as a DICOM segmentation: it names the patient as the video does",
          ],
        ]
      : []),
    [`  ${written.picture}`, "to look at"],
    [`  ${written.areas}`, "areas over time"],
    [`  ${written.curve}`, "the same as curves"],
    [`  ${written.json}`, "numbers, and how to make it again"],
  ];
  console.log(columns(rows));
  console.log(settingsText(provenance));
}
