import { useBackend } from "../backend/useBackend.node.js";
import type { BackendName } from "../backend/useBackend.js";
import { SamPredictor } from "../predictor/samPredictor.js";
import { publish } from "./batchFolder.js";
import { openModel } from "./openModel.js";
import type { RunSettings } from "./provenance.js";
import { choosePreset } from "./runSegment.js";
import { segmentImage } from "./segmentImage.js";
import type { SegmentJob } from "./segmentJobs.js";

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
  readonly job: SegmentJob;
  /** An empty folder to work in, and the folder that its files go to. */
  readonly staged: string;
  readonly cases: string;
}

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
  const { model, checkpoint } = await openModel(start.checkpoint);
  const preset = choosePreset(start, model.config);
  const { intensity, crop, multimask } = start;
  const settings: RunSettings = {
    ...{ checkpoint, preset: preset.name, backend, multimask },
    ...(intensity !== undefined && { intensity }),
    ...(crop !== undefined && { crop }),
  };
  const predictor = new SamPredictor(model, { preset, crop });
  return {
    ...{ backend, notes },
    run: async ({ job, staged, cases }, signal) => {
      await segmentImage(predictor, job, { settings, out: staged, signal });
      await publish(staged, cases);
    },
  };
}
