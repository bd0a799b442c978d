import { CheckpointError } from "./checkpoint.js";
import { quoted } from "./jsonReader.js";
import { Unknown, type Dictionary } from "./pickle.js";
import { PickledTensor } from "./torchPickle.js";

/** Where training scripts put a model's state dict, the usual first. */
const CONTAINERS = ["model", "state_dict", "model_state_dict", "net"] as const;
/** What PyTorch makes tensors of other kinds with: complex, quantised, of 8-bit floats, of own classes. */
const OTHER_TENSOR = /^torch\.(_utils\._rebuild_\w+|_tensor\._rebuild_\w+|\w+Storage)$/;

/** The tensors that a pickle of `torch.save` holds. */
export interface StateDict {
  readonly tensors: ReadonlyMap<string, PickledTensor>;
  /** Values of classes that are not known, of which nothing was run: `args (argparse.Namespace)`. */
  readonly skipped: readonly string[];
}

/**
 * Finds the state dict in what a pickle holds: what stands under one of the usual names, or else the root, or else
 * the one dictionary of tensors in it. Everything else is left out: an optimizer's state, settings, counters.
 *
 * @throws CheckpointError when there is none or more than one, or a tensor in it is of a kind that cannot be read.
 */
export function findStateDict(root: unknown, source: string): StateDict {
  const dictionary = findDictionary(root, source);
  const tensors = new Map<string, PickledTensor>();
  for (const [name, value] of dictionary) {
    if (typeof name !== "string") continue;
    if (value instanceof PickledTensor) tensors.set(name, value);
    if (value instanceof Unknown && OTHER_TENSOR.test(value.name))
      throw new CheckpointError(
        `${source}: tensor ${quoted(name)} is of a kind that cannot be read: ${quoted(value.name)}; in Python, convert ` +
          `it to a plain tensor, such as with float(), and save the state dict again`,
      );
  }
  const skipped: string[] = [];
  for (const each of new Set([root as Dictionary, dictionary]))
    for (const [name, value] of each)
      if (typeof name === "string" && value instanceof Unknown)
        skipped.push(`${shortened(name)} (${shortened(value.name)})`);
  return { tensors, skipped };
}

const shortened = (name: string): string => name.slice(0, 100);

function findDictionary(root: unknown, source: string): Dictionary {
  const save = "Save one: torch.save(model.state_dict(), path)";
  if (!(root instanceof Map))
    throw new CheckpointError(
      `${source}: holds no state dict: expected a dictionary of tensors` +
        `${root instanceof Unknown ? `, got an object of ${quoted(root.name)}, which is not run` : ""}. ${save}`,
    );
  for (const candidate of [...CONTAINERS.map((name) => root.get(name) as unknown), root])
    if (holdsTensors(candidate)) return candidate;
  const others = [...root].filter((entry): entry is [string, Dictionary] => holdsTensors(entry[1]));
  if (others.length === 1) return others[0][1];
  const found = others.length > 1 ? others.map(([name]) => name) : [...root.keys()];
  const names = found.filter((name) => typeof name === "string").slice(0, 8);
  throw new CheckpointError(
    `${source}: holds ${others.length > 1 ? "several state dicts" : "no state dict"}: expected tensors at its root or ` +
      `under one of ${CONTAINERS.map(quoted).join(", ")}, got a dictionary of ` +
      `${names.length === 0 ? "no names" : names.map(quoted).join(", ")}. ${save}`,
  );
}

function holdsTensors(value: unknown): value is Dictionary {
  if (!(value instanceof Map)) return false;
  for (const [name, item] of value) if (typeof name === "string" && isTensor(item)) return true;
  return false;
}

function isTensor(value: unknown): boolean {
  return value instanceof PickledTensor || (value instanceof Unknown && OTHER_TENSOR.test(value.name));
}
