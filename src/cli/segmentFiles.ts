import { join } from "node:path";
import type { SegmentJob } from "./segmentJobs.js";

/** The files that one image gives. */
export interface OutputFiles {
  readonly mask: string;
  readonly labels: string;
  readonly overlay: string;
  readonly json: string;
}

export function outputFiles({ name }: SegmentJob, folder: string): OutputFiles {
  return {
    mask: join(folder, `${name}_mask.png`),
    labels: join(folder, `${name}_labels.png`),
    overlay: join(folder, `${name}_overlay.png`),
    json: join(folder, `${name}.json`),
  };
}
