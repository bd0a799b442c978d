import { CheckpointError, type TensorInfo } from "../../weights/checkpoint.js";
import {
  MEDSAM2,
  SAM2_1_BASE_PLUS,
  SAM2_1_LARGE,
  SAM2_1_SMALL,
  SAM2_1_TINY,
  type Sam2Config,
} from "./config.js";

/** Known configurations by name. The first of those with equal tensors is what a checkpoint is taken for. */
export const SAM2_CONFIGS = { MEDSAM2, SAM2_1_TINY, SAM2_1_SMALL, SAM2_1_BASE_PLUS, SAM2_1_LARGE } as const;

/** What SAM 2.1 has and SAM 2.0 had not. */
const NEW_IN_2_1 = ["obj_ptr_tpos_proj.weight", "no_obj_embed_spatial"];

/**
 * Reads the configuration off a checkpoint's shapes: width and depth of the trunk's stages tell the known ones apart.
 * Heads, windows and the size of images cannot be read off shapes.
 *
 * @param tensors by state_dict path (original names).
 * @throws CheckpointError for SAM 2.0's checkpoints, for sizes that are not known, and naming what is missing.
 */
export function recogniseSam2(tensors: ReadonlyMap<string, TensorInfo>, source: string): Sam2Config {
  const patches = "image_encoder.trunk.patch_embed.proj.weight";
  const embedDim = tensors.get(patches)?.shape[0];
  if (embedDim === undefined)
    throw new CheckpointError(
      `${source}: not recognised as a SAM 2 or MedSAM2 checkpoint; it has no ${patches}. List what the file holds ` +
        "with: medsam inspect",
    );
  const has21 = NEW_IN_2_1.some((path) => tensors.has(path));
  if (tensors.has("memory_attention.norm.weight") && !has21)
    throw new CheckpointError(
      `${source}: holds weights of SAM 2.0, which lack ${NEW_IN_2_1.join(" and ")}; expected those of SAM 2.1 or ` +
        "MedSAM2 (sam2.1_hiera_*.pt, MedSAM2_*.pt)",
    );
  if (![...tensors.keys()].some((path) => path.startsWith("memory_attention.")))
    throw new CheckpointError(
      `${source}: holds the image part of SAM 2.1 alone, as Hugging Face's Sam2Model saves it; expected the memory ` +
        "too: save a Sam2VideoModel",
    );
  const stages = stagesOf(tensors);
  const known = Object.values(SAM2_CONFIGS).find(
    ({ imageEncoder }) => imageEncoder.embedDim === embedDim && imageEncoder.stages.join() === stages.join(),
  );
  if (known === undefined)
    throw new CheckpointError(
      `${source}: a SAM 2.1 of width ${embedDim} with stages of ${stages.join(", ")} blocks is not known; known are ` +
        Object.keys(SAM2_CONFIGS).join(", ") +
        ". Give its configuration",
    );
  return known;
}

/** Blocks of each stage: a stage begins with a block that changes the width. */
function stagesOf(tensors: ReadonlyMap<string, TensorInfo>): number[] {
  const stages = [0];
  for (let index = 0; tensors.has(`image_encoder.trunk.blocks.${index}.norm1.weight`); index++) {
    if (tensors.has(`image_encoder.trunk.blocks.${index}.proj.weight`)) stages.push(0);
    stages[stages.length - 1]++;
  }
  return stages;
}
