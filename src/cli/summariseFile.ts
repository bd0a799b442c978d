import { useBackend } from "../backend/useBackend.node.js";
import { summariseCheckpoint, type CheckpointSummary } from "../inspect/checkpointSummary.js";
import { CheckpointError, type TensorInfo } from "../weights/checkpoint.js";
import { normaliseKeys } from "../weights/keys.js";
import { openCheckpointFile } from "../weights/open.node.js";

/** What a file holds, under its own names, and which model that is. */
export interface FileSummary {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Nothing when it is not recognised as a SAM. */
  readonly model?: CheckpointSummary;
}

/** @throws CheckpointError when it is no checkpoint. */
export async function summariseFile(path: string): Promise<FileSummary> {
  await useBackend("cpu"); // a model is built to see what it asks for, though nothing is computed
  const file = openCheckpointFile(path);
  try {
    const { tensors, metadata } = file;
    const { checkpoint } = normaliseKeys(file);
    try {
      return { tensors, metadata, model: summariseCheckpoint(checkpoint.tensors, path) };
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      return { tensors, metadata };
    }
  } finally {
    file.close();
  }
}
