import { useBackend } from "../backend/useBackend.node.js";
import type { BackendName } from "../backend/useBackend.js";
import { DiskEmbeddingCache } from "../predictor/embeddingCache.node.js";
import { columns, thousands } from "./format.js";
import { openModel } from "./openModel.js";
import { Progress } from "./progress.js";
import { volumeCommand } from "./provenance.js";
import { assertMayOverwrite } from "./resultFiles.js";
import { assertPreset } from "./runSegment.js";
import { settingsText } from "./settingsText.js";
import {
  keepUnfinished,
  openVolumeCase,
  segmentVolumeCase,
  type VolumeDocument,
  type VolumeReading,
} from "./volumeCase.js";
import { volumeName, type VolumeFiles } from "./volumeFiles.js";
import { checkVolumePrompts, objectsOf, type VolumePromptOptions } from "./volumePrompts.js";
import { askedFollow, openTracker, type FollowOptions, type OpenedTracker } from "./volumeTracker.js";

/** The options of `medsam segment-volume`. */
export interface SegmentVolumeOptions extends VolumePromptOptions, VolumeReading, FollowOptions {
  readonly checkpoint?: string;
  readonly imageSize?: number;
  readonly backend: BackendName | "auto";
  readonly preset?: string;
  readonly out: string;
  readonly json?: boolean;
}

/** Bytes of embeddings that `--cache` keeps: about two thousand slices of ViT-B. */
const CACHE_BYTES = 8e9;

/** Segments objects in one volume and writes its files; all of them or, when it fails or is interrupted, none. */
export async function runSegmentVolume(
  path: string,
  options: SegmentVolumeOptions,
  signal: AbortSignal,
): Promise<void> {
  checkVolumePrompts(options);
  assertPreset(options);
  askedFollow(options);
  const reading = new Progress("reading the volume");
  const opened = await openVolumeCase(
    { path, name: volumeName(path), out: options.out },
    options,
    (volume, axis) => objectsOf(volume, axis, options),
    { signal, onProgress: (share) => reading.update(share) },
  ).finally(() => reading.stop());
  for (const warning of opened.source.volume.warnings) console.error(`medsam: ${warning}`);
  for (const files of [opened.files, opened.unfinishedFiles]) assertMayOverwrite({ ...files }, "segment-volume"); // prettier-ignore
  const cache = options.cache === undefined ? undefined : await DiskEmbeddingCache.open(options.cache, CACHE_BYTES); // prettier-ignore

  const backend = await useBackend(options.backend, {
    onSkip: (name, reason) => console.error(`medsam: backend ${name} is passed over: ${reason}`),
  });
  const { model, checkpoint } = await openModel(options.checkpoint, { ...options, signal });
  const progress = new Progress("segmenting");
  let following: OpenedTracker | undefined;
  try {
    following = openTracker(model, options, cache);
    const { tracker } = following;
    const common = { checkpoint, backend, ...following.settings };
    const settings = { ...common, ...volumeCommand(path, options, common) };
    const call = { signal, onProgress: (share: number) => progress.update(share) };
    const { document, written } = await segmentVolumeCase(tracker, opened, settings, call).catch(
      (error: unknown) => keepUnfinished(error, opened, { ...settings, follow: tracker.follow }),
    );
    progress.stop();
    if (options.json) console.log(JSON.stringify({ ...document, files: written }, null, 2));
    else print(document, written);
  } finally {
    progress.stop();
    await following?.dispose();
    model.dispose();
  }
}

function print({ volume, objects, provenance }: VolumeDocument, files: VolumeFiles): void {
  const { file, size, orientation } = volume;
  console.log(`${file}, ${size.join(" x ")} voxels${orientation === undefined ? "" : `, ${orientation}`}`);
  for (const { label, voxels, millilitres, slices: all } of objects) {
    const slices = all.filter(({ pixels }) => pixels > 0);
    const amount = millilitres === undefined ? "" : `, ${millilitres.toPrecision(3)} ml`;
    console.log(
      voxels === 0
        ? `  object ${label}: nothing found`
        : `  object ${label}: ${thousands(voxels)} voxels${amount}, slices ${slices[0].slice} to ${slices.at(-1)?.slice}`,
    );
  }
  const rows = [
    [`  ${files.labels}`, "object k has the value k"],
    ...(files.segmentation !== undefined
      ? [
          [
            `  ${files.segmentation}`,
            "the same as a DICOM segmentation: it names the patient as its images do",
          ],
        ]
      : []),
    [`  ${files.picture}`, "to look at"],
    [`  ${files.json}`, "numbers, and how to make it again"],
  ];
  console.log(columns(rows));
  console.log(settingsText(provenance));
}
