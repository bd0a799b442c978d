import { useBackend } from "../backend/useBackend.node.js";
import type { BackendName } from "../backend/useBackend.js";
import { DiskEmbeddingCache } from "../predictor/embeddingCache.node.js";
import { SamPredictor } from "../predictor/samPredictor.js";
import { BoxTracker } from "../predictor/volume/boxTracker.js";
import type { Margin } from "../predictor/volume/endOfObject.js";
import { columns, thousands } from "./format.js";
import { openModel } from "./openModel.js";
import { Progress } from "./progress.js";
import { assertMayOverwrite } from "./resultFiles.js";
import { assertPreset } from "./runSegment.js";
import {
  openVolumeCase,
  segmentVolumeCase,
  slicePreset,
  type VolumeDocument,
  type VolumeReading,
} from "./volumeCase.js";
import { volumeName, type VolumeFiles } from "./volumeFiles.js";
import { checkVolumePrompts, objectsOf, type VolumePromptOptions } from "./volumePrompts.js";

/** The options of `medsam segment-volume`. */
export interface SegmentVolumeOptions extends VolumePromptOptions, VolumeReading {
  readonly margin: Margin;
  readonly checkpoint?: string;
  readonly backend: BackendName | "auto";
  readonly preset?: string;
  readonly crop?: number;
  readonly cache?: string;
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
  const reading = new Progress("reading the volume");
  const opened = await openVolumeCase(
    { path, name: volumeName(path), out: options.out },
    options,
    (volume, axis) => objectsOf(volume, axis, options),
    { signal, onProgress: (share) => reading.update(share) },
  ).finally(() => reading.stop());
  for (const warning of opened.source.volume.warnings) console.error(`medsam: ${warning}`);
  assertMayOverwrite({ ...opened.files }, "segment-volume");
  const cache = options.cache === undefined ? undefined : await DiskEmbeddingCache.open(options.cache, CACHE_BYTES); // prettier-ignore

  const backend = await useBackend(options.backend, {
    onSkip: (name, reason) => console.error(`medsam: backend ${name} is passed over: ${reason}`),
  });
  const { model, checkpoint } = await openModel(options.checkpoint, signal);
  const preset = slicePreset(options.preset, model.config);
  const { margin } = options;
  const predictor = new SamPredictor(model, { preset, crop: options.crop, cache });
  const progress = new Progress("segmenting");
  const settings = { checkpoint, preset: preset.name, backend, margin, crop: predictor.crop };
  try {
    const { document, written } = await segmentVolumeCase(
      new BoxTracker(predictor, { margin }),
      opened,
      settings,
      {
        signal,
        onProgress: (share) => progress.update(share),
      },
    );
    progress.stop();
    if (options.json) console.log(JSON.stringify({ ...document, files: written }, null, 2));
    else print(document, written, checkpoint.embedded);
  } finally {
    progress.stop();
    await predictor.dispose();
    model.dispose();
  }
}

function print({ volume, objects, provenance }: VolumeDocument, files: VolumeFiles, embedded: boolean): void {
  const { file, size, orientation } = volume;
  console.log(`${file}, ${size.join(" x ")} voxels${orientation === undefined ? "" : `, ${orientation}`}`);
  for (const { label, voxels, millilitres, slices } of objects) {
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
  const { preset, intensity, backend } = provenance;
  console.log(`Preset ${preset}, intensity ${intensity}, backend ${backend}`);
  if (embedded)
    console.log(
      "These are the small weights in the package, a demonstration; --checkpoint takes MedSAM's own.",
    );
  console.log("Not for clinical use.");
}
