import { EMBEDDED_CHECKPOINT } from "../loadMedSam.node.js";
import { isCounter } from "../weights/keys.js";
import { buildSam, type Built } from "../model/load.js";
import type { PromptableModel } from "../model/promptableModel.js";
import type { Sam } from "../model/sam.js";
import type { Checkpoint } from "../weights/checkpoint.js";
import { hashFile, openCheckpointFile } from "../weights/open.node.js";
import type { LoadReport } from "../weights/paramScope.js";
import { names } from "./format.js";
import { localWeights } from "./localWeights.js";
import type { Provenance } from "./provenance.js";

/** A model for a command, and which weights it has. */
export interface OpenedModel<Model extends PromptableModel> {
  readonly model: Model;
  readonly checkpoint: Provenance["checkpoint"];
}

/**
 * Loads the weights of a command's `--checkpoint`, or those in the package, and says which they are.
 *
 * @param tell is given a line when names in the file differ from the model's, and where something was assumed; default: to
 * standard error.
 * @throws CheckpointError when the weights cannot be fetched or read, do not fit, or are not SAM's.
 */
export function openModel(
  source?: string,
  signal?: AbortSignal,
  tell?: (line: string) => void,
): Promise<OpenedModel<Sam>> {
  return openModelWith(buildSam, source, signal, tell);
}

/** `openModel` of the families that `build` takes. */
export async function openModelWith<Model extends PromptableModel>(
  build: (checkpoint: Checkpoint) => Built<Model>,
  source: string = EMBEDDED_CHECKPOINT,
  signal?: AbortSignal,
  tell = (line: string) => console.error(`medsam: ${line}`),
): Promise<OpenedModel<Model>> {
  const { path, name } = await localWeights(source, { ...(signal && { signal }) });
  const file = openCheckpointFile(path);
  try {
    const { model, report } = build(file);
    const differences = reportText(report);
    if (differences !== "") tell(`${name}: ${differences}`);
    return {
      model,
      checkpoint: { name, sha256: await hashFile(path), embedded: path === EMBEDDED_CHECKPOINT },
    };
  } finally {
    file.close();
  }
}

/** How a checkpoint's names differ from the model's and what was assumed, on one line; nothing when there is nothing. */
function reportText({ renamed, dropped, unexpected, assumed = [] }: LoadReport): string {
  return [
    { what: "renamed", list: renamed.map(([from, to]) => `${from} to ${to}`) },
    { what: "left out", list: dropped.filter((name) => !isCounter(name)) },
    { what: "left out, as the model has no place for them", list: unexpected },
  ]
    .filter(({ list }) => list.length > 0)
    .map(({ what, list }) => `${what}: ${names(list, 2)}`)
    .concat(assumed)
    .join("; ");
}
