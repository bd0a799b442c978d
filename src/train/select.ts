import { matchAllGlobs } from "../layers/glob.js";
import type { AnyLayer } from "../layers/layer.js";
import type { Parameter } from "../weights/paramScope.js";

/** Usual choices of what trains, as patterns over state_dict paths (see `globToRegExp`). */
export const TRAINABLE_PRESETS = {
  /** For small data, and for embeddings that are computed once. */
  decoder: ["mask_decoder.**"],
  /** MedSAM's own recipe: the prompt encoder stays as it is. */
  "encoder+decoder": ["image_encoder.**", "mask_decoder.**"],
  /** The adapters that `addLora` made. */
  lora: ["**.lora.*.*"],
  all: ["**"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** Name of a usual choice of what trains. */
export type TrainablePreset = keyof typeof TRAINABLE_PRESETS;

/** What trains, by patterns over state_dict paths (see `globToRegExp`). */
export interface TrainableChoice {
  /** Patterns of what trains. */
  readonly train: readonly string[];
  /** Patterns of what does not, though `train` names it. Default: none. */
  readonly freeze?: readonly string[];
}

/**
 * The parameters of a model that are to train, by state_dict path. Buffers, such as the matrix of positional
 * frequencies, are never among them. Nothing is changed: whoever computes gradients is given the choice.
 *
 * @throws RangeError for a pattern that matches nothing, with the names nearest to it, and when nothing is left.
 */
export function chooseTrainable(
  model: AnyLayer,
  choice: TrainablePreset | TrainableChoice,
): Map<string, Parameter> {
  const { train, freeze = [] }: TrainableChoice =
    typeof choice === "string" ? { train: TRAINABLE_PRESETS[choice] } : choice;
  const parameters = new Map([...model.namedParameters()].filter(([, { value }]) => value.trainable));
  const names = [...parameters.keys()];
  const chosen = new Set(matchAllGlobs(train, names, "trainable parameter"));
  for (const name of matchAllGlobs(freeze, names, "trainable parameter")) chosen.delete(name);
  if (chosen.size === 0)
    throw new RangeError(`nothing to train: [${train}] without [${freeze}] is no parameter`);
  return new Map([...parameters].filter(([name]) => chosen.has(name)));
}
