import { PUBLISHED } from "../weights/published.js";
import type { RunSettings } from "./provenance.js";

/** What results end with: how they came about, what the weights in the package are, and that they are no diagnosis. */
export function settingsText({
  checkpoint,
  preset,
  intensity,
  crop,
  backend,
}: Pick<RunSettings, "checkpoint" | "preset" | "intensity" | "backend"> & { crop?: number }): string {
  const settings = [
    `Preset ${preset}`,
    ...(intensity === undefined ? [] : [`intensity ${intensity}`]),
    ...(crop === undefined ? [] : [`crop ${crop}`]),
    `backend ${backend}`,
    `weights ${checkpoint.name}`,
  ];
  const { name, megabytes } = PUBLISHED[0];
  return [
    settings.join(", "),
    ...(checkpoint.embedded
      ? [
          "These are the small weights in the package, trained on generated shapes: a demonstration. For MedSAM's own",
          `weights: --checkpoint ${name} (${megabytes} MB, fetched once)`,
        ]
      : []),
    "Not for clinical use.",
  ].join("\n");
}
