import { EMBEDDED_CHECKPOINT } from "../loadMedSam.node.js";
import { isCounter } from "../weights/keys.js";
import { buildModel, type BuildOptions, type Built } from "../model/load.js";
import type { PromptableModel } from "../model/promptableModel.js";
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

/** What is asked of a model beside its weights. */
export interface OpenOptions {
  readonly imageSize?: number;
  readonly signal?: AbortSignal;
  /** Given a line when names in the file differ from the model's, and where something was assumed; default: to standard error. */
  readonly tell?: (line: string) => void;
}

/**
 * Loads the weights of a command's `--checkpoint`, or those in the package, and says which they are: of any family.
 *
 * @throws CheckpointError when the weights cannot be fetched or read, or do not fit; RangeError for an `imageSize` that
 * cannot be.
 */
export function openModel(source?: string, options: OpenOptions = {}): Promise<OpenedModel<PromptableModel>> {
  return openModelWith(buildModel, source, options);
}

/** `openModel` of the family that `build` takes. @throws CheckpointError for another one too. */
export async function openModelWith<Model extends PromptableModel>(
  build: (checkpoint: Checkpoint, options: Pick<BuildOptions, "imageSize">) => Built<Model>,
  source: string = EMBEDDED_CHECKPOINT,
  { imageSize, signal, tell = (line) => console.error(`medsam: ${line}`) }: OpenOptions = {},
): Promise<OpenedModel<Model>> {
  const { path, name } = await localWeights(source, { ...(signal && { signal }) });
  const file = openCheckpointFile(path);
  try {
    const { model, report } = build(file, imageSize === undefined ? {} : { imageSize });
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
