import { CheckpointError, type TensorInfo } from "../weights/checkpoint.js";
import { isSameConfig, type ModelConfig } from "./config.js";
import type { Family } from "./family.js";
import { SAM_FAMILY } from "./samFamily.js";

/** All families of models that can be built. The first is what a file that tells nothing is measured by. */
export const FAMILIES: readonly [Family, ...Family[]] = [SAM_FAMILY];

/** Models that are asked for and cannot be built, told by names of tensors in either style. */
const OTHERS = [
  {
    title: "SAM 2 or MedSAM2",
    marks: /^(image_encoder\.trunk|vision_encoder\.backbone|memory_attention|sam_mask_decoder)\./,
  },
];

/** The family that a configuration is of. @throws RangeError when there is none of this name. */
export function familyOf({ family }: Pick<ModelConfig, "family">): Family {
  const found = FAMILIES.find(({ name }) => name === family);
  if (found === undefined)
    throw new RangeError(
      `a configuration is of the family ${JSON.stringify(family)}; expected one of ${FAMILIES.map(({ name }) => name).join(", ")}`,
    );
  return found;
}

/**
 * Reads a configuration off a checkpoint's names and shapes. For a SAM everything can be read but the decoder's number
 * of heads, which is SAM's default of 8.
 *
 * @param tensors by state_dict path (original names).
 * @throws CheckpointError naming another model that it is, or what is missing for this to be a SAM.
 */
export function recogniseConfig(tensors: ReadonlyMap<string, TensorInfo>, source: string): ModelConfig {
  const paths = [...tensors.keys()];
  const family = FAMILIES.find(({ naming }) => naming.isOriginal(paths));
  for (const { title, marks } of family === undefined ? OTHERS : []) {
    const mark = paths.find((path) => marks.test(path));
    if (mark !== undefined)
      throw new CheckpointError(
        `${source}: holds weights of ${title}, as its tensor ${mark} tells; expected those of ` +
          `${FAMILIES.map((known) => known.title).join(", ")}`,
      );
  }
  return (family ?? FAMILIES[0]).recognise(tensors, source);
}

/** Name of a known configuration, for people; `custom` for any other. */
export function configName(config: ModelConfig): string {
  const known = Object.entries(familyOf(config).configs);
  return known.find(([, other]) => isSameConfig(config, other))?.[0] ?? "custom";
}
