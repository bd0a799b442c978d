import { useBackend } from "../backend/useBackend.node.js";
import type { BackendName } from "../backend/useBackend.js";
import { SamPredictor } from "../predictor/samPredictor.js";
import { BoxTracker } from "../predictor/volume/boxTracker.js";
import { publish } from "./batchFolder.js";
import { openModel } from "./openModel.js";
import { tableCommand, type RunSettings } from "./provenance.js";
import { choosePreset } from "./runSegment.js";
import { segmentImage } from "./segmentImage.js";
import { assertFile, isVolume, type CaseJob, type VolumeJob } from "./segmentJobs.js";
import { skippedLine } from "./skipped.js";
import { openVolumeCase, segmentVolumeCase, slicePreset, type VolumeDocument } from "./volumeCase.js";
import { fromPrompts } from "./volumePrompts.js";

/** How a worker process of a batch starts. */
export interface WorkerStart {
  readonly checkpoint?: string;
  readonly backend: BackendName | "auto";
  readonly preset?: string;
  readonly intensity?: string;
  readonly crop?: number;
  readonly multimask: boolean;
  /** A case with an object that cannot be segmented fails. */
  readonly strict: boolean;
  /** Of the WASM backend, so that the workers together have as many as there are processors. */
  readonly threads: number;
}

/** One case for a worker. */
export interface WorkerJob {
  readonly job: CaseJob;
  /** An empty folder to work in, and the folder that its files go to. */
  readonly staged: string;
  readonly cases: string;
}

/** By what share the next box of a volume is wider than the last mask. */
const VOLUME_MARGIN = 0.05;

/** What there is to say of a case that is done. */
export interface CaseNotes {
  readonly warnings: readonly string[];
  /** Objects that were skipped, a line each. */
  readonly skipped: readonly string[];
}

/** What a worker says: once that it is ready or cannot start, then how each case went. */
export type WorkerMessage =
  | { readonly kind: "ready"; readonly backend: string; readonly notes: readonly string[] }
  | { readonly kind: "fatal"; readonly error: string }
  | ({ readonly kind: "done"; readonly megabytes: number } & CaseNotes)
  | { readonly kind: "failed"; readonly error: string; readonly megabytes: number; readonly code?: string };

/** Loads the model once. @returns what does one case after the other. */
export async function startWorker(start: WorkerStart): Promise<{
  readonly backend: string;
  readonly notes: readonly string[];
  run(job: WorkerJob, signal: AbortSignal): Promise<CaseNotes>;
}> {
  const notes: string[] = [];
  const backend = await useBackend(start.backend, {
    threads: start.threads,
    onSkip: (name, reason) => notes.push(`backend ${name} is passed over: ${reason}`),
  });
  const { model, checkpoint } = await openModel(start.checkpoint, undefined, (line) => notes.push(line));
  const preset = choosePreset(start, model.config);
  const { intensity, crop, multimask, strict } = start;
  const predictor = new SamPredictor(model, { preset, crop });
  const settings: RunSettings = {
    ...{ checkpoint, preset: preset.name, crop: predictor.crop, backend, multimask },
    ...(intensity !== undefined && { intensity }),
  };
  const slices = new SamPredictor(model, { preset: slicePreset(start.preset, model.config), crop });
  const tracker = new BoxTracker(slices, { margin: VOLUME_MARGIN });
  const volumes = {
    checkpoint,
    preset: slices.preset.name,
    crop: slices.crop,
    backend,
    imageSize: model.config.imageSize,
    margin: VOLUME_MARGIN,
  };
  const segmentOne = async (job: VolumeJob, out: string, signal: AbortSignal): Promise<VolumeDocument> => {
    assertFile(job);
    const opened = await openVolumeCase(
      { path: job.image, name: job.name, out, fromTable: { ...job, strict } },
      { ...(intensity !== undefined && { intensity }) },
      () => ({ objects: fromPrompts(job.objects) }),
      { signal },
    );
    return (
      await segmentVolumeCase(
        tracker,
        opened,
        { ...volumes, ...tableCommand("batch", job.table, settings) },
        { signal },
      )
    ).document;
  };
  return {
    ...{ backend, notes },
    run: async ({ job, staged, cases }, signal) => {
      const done = isVolume(job)
        ? await segmentOne(job, staged, signal)
        : await segmentImage(predictor, job, { settings, out: staged, strict, command: "batch", signal });
      await publish(staged, cases);
      return {
        warnings: done.warnings,
        skipped: done.skipped.map((one) => skippedLine(one, job.table)),
      };
    },
  };
}
