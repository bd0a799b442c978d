import { EMBEDDED_CHECKPOINT } from "../loadMedSam.node.js";
import { recogniseConfig } from "../model/families.js";
import { defaultPreset, findPreset } from "../predictor/presetTable.js";
import { learntSeveralMasks, ONE_MASK } from "../predictor/severalMasks.js";
import type { ModelConfig } from "../model/config.js";
import type { Checkpoint } from "../weights/checkpoint.js";
import { normaliseKeys } from "../weights/keys.js";
import { openCheckpointFile } from "../weights/open.node.js";
import { UsageError } from "./errors.js";
import { localWeights } from "./localWeights.js";
import type { SegmentOptions } from "./runSegment.js";

/** What the file of a command's weights says, without reading a value. */
export async function lookAtWeights(
  checkpoint: string = EMBEDDED_CHECKPOINT,
): Promise<{ readonly config: ModelConfig; readonly metadata: Checkpoint["metadata"] }> {
  const file = openCheckpointFile((await localWeights(checkpoint)).path);
  try {
    const { tensors, source, metadata } = normaliseKeys(file).checkpoint;
    return { config: recogniseConfig(tensors, source), metadata };
  } finally {
    file.close();
  }
}

/** Whether a command's weights learnt to give several masks for one prompt. */
export async function haveSeveralMasks({
  checkpoint = EMBEDDED_CHECKPOINT,
  preset,
}: Pick<SegmentOptions, "checkpoint" | "preset">): Promise<boolean> {
  const { config, metadata } = await lookAtWeights(checkpoint);
  const chosen = preset === undefined ? defaultPreset(config) : findPreset(preset);
  return learntSeveralMasks(chosen, checkpoint === EMBEDDED_CHECKPOINT ? ONE_MASK : metadata);
}

/** Before anything is made. @throws UsageError for `--multimask` with weights that never learnt several masks. */
export async function assertMultimask(
  options: Pick<SegmentOptions, "checkpoint" | "preset" | "multimask">,
): Promise<void> {
  if (options.multimask !== true || (await haveSeveralMasks(options))) return;
  throw new UsageError(
    options.checkpoint === undefined
      ? "--multimask: the weights in the package never learnt to give several masks; leave it out, or name others " +
          "with --checkpoint"
      : `--multimask: ${options.checkpoint} is taken for weights that never learnt to give several masks, as MedSAM's; ` +
          "leave it out, or for weights of Segment Anything itself add --preset SamPredictor",
  );
}
