import { existsSync, readFileSync } from "node:fs";
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

/**
 * Data sets keep hand-drawn masks as `NAME_mask.png` and annotations as `NAME.json`: what this command did not
 * write itself, it does not overwrite.
 *
 * @throws Error naming the file in the way.
 */
export function assertMayWrite(job: SegmentJob, folder: string): void {
  const { mask, labels, overlay, json } = outputFiles(job, folder);
  const inTheWay = [mask, labels, overlay, json].find((path) => existsSync(path));
  if (inTheWay === undefined || isOurs(json)) return;
  throw new Error(
    `${inTheWay}: is there already and was not written by medsam segment; choose another folder with --out`,
  );
}

function isOurs(json: string): boolean {
  try {
    const { provenance } = JSON.parse(readFileSync(json, "utf8")) as { provenance?: { package?: unknown } };
    return provenance?.package === "medsam-tfjs";
  } catch {
    return false;
  }
}
