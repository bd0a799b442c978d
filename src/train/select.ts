import { matchAllGlobs } from "../layers/glob.js";
import { familyOf } from "../model/families.js";
import type { TrainablePreset } from "../model/family.js";
import type { PromptableModel } from "../model/promptableModel.js";
import type { Parameter } from "../weights/paramScope.js";

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
 * @throws RangeError for a pattern that matches nothing, with the names nearest to it, when nothing is left, and for a
 * preset that is not for models of this family.
 */
export function chooseTrainable(
  model: PromptableModel,
  choice: TrainablePreset | TrainableChoice,
): Map<string, Parameter> {
  const { train, freeze = [] } = typeof choice === "string" ? presetOf(model, choice) : choice;
  const parameters = new Map([...model.namedParameters()].filter(([, { value }]) => value.trainable));
  const names = [...parameters.keys()];
  const chosen = new Set(matchAllGlobs(train, names, "trainable parameter"));
  for (const name of matchAllGlobs(freeze, names, "trainable parameter")) chosen.delete(name);
  if (chosen.size === 0)
    throw new RangeError(`nothing to train: [${train}] without [${freeze}] is no parameter`);
  return new Map([...parameters].filter(([name]) => chosen.has(name)));
}

function presetOf(model: PromptableModel, preset: TrainablePreset): TrainableChoice {
  const { title, trainable } = familyOf(model.config);
  const train = trainable[preset];
  if (train === undefined)
    throw new RangeError(
      `nothing to train: "${preset}" is not for ${title}; choose ${Object.keys(trainable).join(", ")}, or patterns`,
    );
  return { train };
}
