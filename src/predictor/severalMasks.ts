import type { Preset } from "./presets.js";

/** In the metadata of a file of weights: whether they learnt to give several masks for one prompt. */
const KEY = "multimask";

type Metadata = Readonly<Record<string, string>>;

/** What the checkpoint in the package would say, which was trained for one mask. */
export const ONE_MASK: Metadata = { [KEY]: "false" };

/** What a file says whose weights were trained so. Only points, with SAM's loss, teach several masks. */
export function trainedMasks({
  loss,
  prompts,
}: {
  readonly loss: string;
  readonly prompts: string;
}): Metadata {
  return { [KEY]: String(loss === "sam" && prompts !== "box") };
}

/**
 * Whether several masks for one prompt mean something: by what the weights' file says of their training, or else by what
 * weights of this preset learnt. A MedSAM and a SAM differ in nothing else.
 *
 * @param metadata of the weights' file.
 */
export function learntSeveralMasks({ multimask = false }: Preset, metadata: Metadata): boolean {
  return KEY in metadata ? metadata[KEY] === "true" : multimask;
}
