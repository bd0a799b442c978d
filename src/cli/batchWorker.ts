import { useBackend } from "../backend/useBackend.node.js";
import type { BackendName } from "../backend/useBackend.js";
import { publish } from "./batchFolder.js";
import type { CaseOptions } from "./caseOptions.js";
import { openModel } from "./openModel.js";
import { openPredictor } from "./openPredictor.js";
import { tableCommand } from "./provenance.js";
import { segmentImage } from "./segmentImage.js";
import { assertFile, isVolume, type CaseJob, type VolumeJob } from "./segmentJobs.js";
import { skippedLine } from "./skipped.js";
import { openVolumeCase, segmentVolumeCase, type VolumeDocument } from "./volumeCase.js";
import { fromPrompts } from "./volumePrompts.js";
import { openTracker, type OpenedTracker } from "./volumeTracker.js";

/** How a worker process of a batch starts. */
export interface WorkerStart extends CaseOptions {
  readonly checkpoint?: string;
  readonly backend: BackendName | "auto";
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
  const { model, checkpoint } = await openModel(start.checkpoint, {
    ...start,
    tell: (line) => notes.push(line),
  });
  const { predictor, settings } = openPredictor(model, { ...start, checkpoint, backend });
  const { preset, intensity, crop, follow, strict } = start;
  const given = {
    ...(preset !== undefined && { preset }),
    ...(intensity !== undefined && { intensity }),
  };
  // Where there is a memory, images and volumes have presets of their own unless one is named, and a crop is of images.
  const asked = { ...settings, follow, ...(model.config.family === "sam2" && { preset, crop }) };
  let following: OpenedTracker | undefined;
  const segmentOne = async (job: VolumeJob, out: string, signal: AbortSignal): Promise<VolumeDocument> => {
    assertFile(job);
    following ??= openTracker(model, { preset, crop, follow });
    const opened = await openVolumeCase(
      { path: job.image, name: job.name, out, fromTable: { ...job, strict } },
      given,
      () => ({ objects: fromPrompts(job.objects) }),
      { signal },
    );
    const again = tableCommand("batch", job.table, asked);
    const volumes = { checkpoint, backend, ...following.settings, ...again };
    return (await segmentVolumeCase(following.tracker, opened, volumes, { signal })).document;
  };
  return {
    ...{ backend, notes },
    run: async ({ job, staged, cases }, signal) => {
      const done = isVolume(job)
        ? await segmentOne(job, staged, signal)
        : await segmentImage(predictor, job, {
            settings,
            out: staged,
            strict,
            command: "batch",
            asked,
            signal,
          });
      await publish(staged, cases);
      return {
        warnings: done.warnings,
        skipped: done.skipped.map((one) => skippedLine(one, job.table)),
      };
    },
  };
}
