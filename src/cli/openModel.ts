import { EMBEDDED_CHECKPOINT } from "../loadMedSam.node.js";
import { isCounter } from "../weights/keys.js";
import { buildSam } from "../model/load.js";
import type { Sam } from "../model/sam.js";
import { hashFile, openCheckpointFile } from "../weights/open.node.js";
import type { LoadReport } from "../weights/paramScope.js";
import { names } from "./format.js";
import { localWeights } from "./localWeights.js";
import type { Provenance } from "./provenance.js";

/**
 * Loads the weights of a command's `--checkpoint`, or those in the package, and says which they are.
 *
 * @param tell is given a line when names in the file differ from the model's; default: to standard error.
 * @throws CheckpointError when the weights cannot be fetched or read, or do not fit.
 */
export async function openModel(
  source: string = EMBEDDED_CHECKPOINT,
  signal?: AbortSignal,
  tell = (line: string) => console.error(`medsam: ${line}`),
): Promise<{ model: Sam; checkpoint: Provenance["checkpoint"] }> {
  const { path, name } = await localWeights(source, { ...(signal && { signal }) });
  const file = openCheckpointFile(path);
  try {
    const { model, report } = buildSam(file);
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

/** How a checkpoint's names differ from the model's, on one line; nothing when they do not. */
function reportText({ renamed, dropped, unexpected }: LoadReport): string {
  return [
    { what: "renamed", list: renamed.map(([from, to]) => `${from} to ${to}`) },
    { what: "left out", list: dropped.filter((name) => !isCounter(name)) },
    { what: "left out, as the model has no place for them", list: unexpected },
  ]
    .filter(({ list }) => list.length > 0)
    .map(({ what, list }) => `${what}: ${names(list, 2)}`)
    .join("; ");
}
