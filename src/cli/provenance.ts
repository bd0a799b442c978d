import { basename } from "node:path";
import type { SegmentJob, Target } from "./segmentJobs.js";
import { PACKAGE_VERSION } from "./version.js";

/** How masks came about, so that anyone can make them again. No folder and nothing of a patient is in it. */
export interface Provenance {
  readonly package: string;
  readonly version: string;
  readonly checkpoint: { readonly name: string; readonly sha256: string; readonly embedded: boolean };
  readonly preset: string;
  readonly intensity?: string;
  /** Times the box's longer side that the model saw around each box; 0: it saw the whole image. */
  readonly crop: number;
  readonly backend: string;
  readonly multimask: boolean;
  /** Run it in the image's folder. */
  readonly command: string;
}

/** What all images of a run have in common. */
export interface RunSettings {
  readonly checkpoint: Provenance["checkpoint"];
  readonly preset: string;
  readonly intensity?: string;
  readonly crop: number;
  readonly backend: string;
  readonly multimask: boolean;
}

export function provenanceOf(job: SegmentJob, settings: RunSettings): Provenance {
  return { package: "medsam-tfjs", version: PACKAGE_VERSION, ...settings, command: commandOf(job, settings) };
}

function commandOf({ image, slice, targets }: SegmentJob, settings: RunSettings): string {
  const { checkpoint, preset, intensity, crop, backend, multimask } = settings;
  return [
    "medsam segment",
    quoted(basename(image)),
    ...(slice === undefined ? [] : [`--slice ${slice}`]),
    // Points of several objects are not told apart by flags.
    ...(targets.length > 1 && targets.some(({ prompt }) => prompt.pointCoords)
      ? ["--boxes TABLE"]
      : targets.flatMap(promptFlags)),
    ...(checkpoint.embedded ? [] : [`--checkpoint ${quoted(checkpoint.name)}`]),
    `--preset ${preset}`,
    ...(intensity === undefined ? [] : [`--intensity ${intensity}`]),
    `--crop ${crop}`,
    `--backend ${backend}`,
    ...(multimask ? ["--multimask"] : []),
  ].join(" ");
}

function promptFlags({ prompt: { box, pointCoords = [], pointLabels = [] } }: Target): string[] {
  return [
    ...(box === undefined ? [] : [`--box ${box.join(",")}`]),
    ...pointCoords.map(([x, y], index) => `--point ${x},${y},${pointLabels[index]}`),
  ];
}

/** A file name as a POSIX shell takes it. */
function quoted(name: string): string {
  return /^[\w.+=@%-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}
