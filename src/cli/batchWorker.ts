import { useBackend } from "../backend/useBackend.node.js";
import type { BackendName } from "../backend/useBackend.js";
import { SamPredictor } from "../predictor/samPredictor.js";
import { BoxTracker } from "../predictor/volume/boxTracker.js";
import { publish } from "./batchFolder.js";
import { openModel } from "./openModel.js";
import type { RunSettings } from "./provenance.js";
import { choosePreset } from "./runSegment.js";
import { segmentImage } from "./segmentImage.js";
import { isVolume, type CaseJob } from "./segmentJobs.js";
import { openVolumeCase, segmentVolumeCase, slicePreset } from "./volumeCase.js";
import { fromPrompts } from "./volumePrompts.js";

/** How a worker process of a batch starts. */
export interface WorkerStart {
  readonly checkpoint?: string;
  readonly backend: BackendName | "auto";
  readonly preset?: string;
  readonly intensity?: string;
  readonly crop?: number;
  readonly multimask: boolean;
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

/** What a worker says: once that it is ready or cannot start, then how each case went. */
export type WorkerMessage =
  | { readonly kind: "ready"; readonly backend: string; readonly notes: readonly string[] }
  | { readonly kind: "fatal"; readonly error: string }
  | { readonly kind: "done"; readonly megabytes: number }
  | { readonly kind: "failed"; readonly error: string; readonly megabytes: number; readonly code?: string };

/** Loads the model once. @returns what does one case after the other. */
export async function startWorker(start: WorkerStart): Promise<{
  readonly backend: string;
  readonly notes: readonly string[];
  run(job: WorkerJob, signal: AbortSignal): Promise<void>;
}> {
  const notes: string[] = [];
  const backend = await useBackend(start.backend, {
    threads: start.threads,
    onSkip: (name, reason) => notes.push(`backend ${name} is passed over: ${reason}`),
  });
  const { model, checkpoint } = await openModel(start.checkpoint, undefined, (line) => notes.push(line));
  const preset = choosePreset(start, model.config);
  const { intensity, crop, multimask } = start;
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
    margin: VOLUME_MARGIN,
  };
  return {
    ...{ backend, notes },
    run: async ({ job, staged, cases }, signal) => {
      if (isVolume(job)) {
        const place = { path: job.image, name: job.name, out: staged };
        const opened = await openVolumeCase(place, { ...(intensity !== undefined && { intensity }) }, () => ({ objects: fromPrompts(job.objects) }), { signal }); // prettier-ignore
        await segmentVolumeCase(tracker, opened, volumes, { signal });
      } else await segmentImage(predictor, job, { settings, out: staged, signal });
      await publish(staged, cases);
    },
  };
}
