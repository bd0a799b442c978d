import { useBackend } from "../backend/useBackend.node.js";
import { summariseCheckpoint, type CheckpointSummary } from "../inspect/checkpointSummary.js";
import { CheckpointError, type Checkpoint } from "../weights/checkpoint.js";
import { normaliseKeys } from "../weights/keys.js";

/** Which model an open file is; nothing when it is not recognised as a SAM. */
export async function recogniseFile(file: Checkpoint): Promise<CheckpointSummary | undefined> {
  await useBackend("cpu"); // a model is built to see what it asks for, though nothing is computed
  const { checkpoint } = normaliseKeys(file);
  try {
    return summariseCheckpoint(checkpoint.tensors, file.source);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return undefined;
  }
}
