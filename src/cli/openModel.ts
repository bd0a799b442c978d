import { basename } from "node:path";
import { EMBEDDED_CHECKPOINT } from "../loadMedSam.node.js";
import { buildSam } from "../model/load.js";
import type { Sam } from "../model/sam.js";
import { hashFile, openCheckpointFile } from "../weights/open.node.js";
import type { Provenance } from "./provenance.js";

/**
 * Loads the weights of a command's `--checkpoint`, or those in the package, and says which they are. A tensor that
 * the model has no place for is named on standard error.
 *
 * @throws CheckpointError when the file cannot be read or does not fit.
 */
export async function openModel(
  path: string = EMBEDDED_CHECKPOINT,
): Promise<{ model: Sam; checkpoint: Provenance["checkpoint"] }> {
  const file = openCheckpointFile(path);
  try {
    const { model, report } = buildSam(file);
    const { unexpected } = report;
    if (unexpected.length > 0)
      console.error(
        `medsam: ${path}: ${unexpected.length} tensors have no place in the model and were left out: ` +
          `${unexpected.slice(0, 5).join(", ")}${unexpected.length > 5 ? ", ..." : ""}`,
      );
    const name = basename(path);
    return {
      model,
      checkpoint: { name, sha256: await hashFile(path), embedded: path === EMBEDDED_CHECKPOINT },
    };
  } finally {
    file.close();
  }
}
