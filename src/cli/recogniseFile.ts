import { useBackend } from "../backend/useBackend.node.js";
import { summariseCheckpoint, type CheckpointSummary } from "../inspect/checkpointSummary.js";
import type { Checkpoint } from "../weights/checkpoint.js";
import { normaliseKeys } from "../weights/keys.js";

/**
 * Which model an open file is.
 *
 * @throws CheckpointError when it is not recognised as a SAM.
 */
export async function recogniseFile(file: Checkpoint): Promise<CheckpointSummary> {
  await useBackend("cpu"); // a model is built to see what it asks for, though nothing is computed
  return summariseCheckpoint(normaliseKeys(file).checkpoint.tensors, file.source);
}
