import type { TensorInfo } from "../weights/checkpoint.js";
import { isSameConfig, type ModelConfig } from "./config.js";
import type { Family } from "./family.js";
import { SAM2_FAMILY } from "./sam2/sam2Family.js";
import { SAM_FAMILY } from "./samFamily.js";

/** All families of models that can be built. The first is what a file that tells nothing is measured by. */
export const FAMILIES: readonly [Family, ...Family[]] = [SAM_FAMILY, SAM2_FAMILY];

/** The family that a configuration is of. @throws RangeError when there is none of this name. */
export function familyOf({ family }: Pick<ModelConfig, "family">): Family {
  const found = FAMILIES.find(({ name }) => name === family);
  if (found === undefined)
    throw new RangeError(
      `a configuration is of the family ${JSON.stringify(family)}; expected one of ${FAMILIES.map(({ name }) => name).join(", ")}`,
    );
  return found;
}

/** The family that a checkpoint's tensors are of; the first where no name tells. @param tensors by state_dict path. */
export function familyOfTensors(tensors: ReadonlyMap<string, TensorInfo>): Family {
  const paths = [...tensors.keys()];
  return FAMILIES.find(({ naming }) => naming.isOriginal(paths)) ?? FAMILIES[0];
}

/**
 * Reads a configuration off a checkpoint's names and shapes. For a SAM everything can be read but the decoder's number
 * of heads, which is SAM's default of 8; for a SAM 2.1 it is found among the known ones.
 *
 * @param tensors by state_dict path (original names).
 * @throws CheckpointError naming what is missing for this to be of its family.
 */
export function recogniseConfig(tensors: ReadonlyMap<string, TensorInfo>, source: string): ModelConfig {
  return familyOfTensors(tensors).recognise(tensors, source);
}

/**
 * The same configuration for images of another size.
 *
 * @throws RangeError for a size that cannot be, and for a family whose weights tell the size.
 */
export function withImageSize(config: ModelConfig, imageSize: number): ModelConfig {
  const family = familyOf(config);
  if (family.withImageSize === undefined)
    throw new RangeError(
      `image size ${imageSize}: weights of ${family.title} are made for one size of images alone`,
    );
  return family.withImageSize(config, imageSize);
}

/** Name of a known configuration, for people; `custom` for any other. */
export function configName(config: ModelConfig): string {
  const known = Object.entries(familyOf(config).configs);
  return known.find(([, other]) => isSameConfig(config, other))?.[0] ?? "custom";
}
