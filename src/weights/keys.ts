import { CheckpointError, type Checkpoint, type TensorInfo } from "./checkpoint.js";
import type { Naming } from "./naming.js";
import { SAM2_NAMES } from "./sam2Names.js";
import { SAM_NAMES } from "./samNames.js";

/** Those of all families. */
const NAMINGS: readonly Naming[] = [SAM_NAMES, SAM2_NAMES];

/** Whether a tensor counts batches: each batch norm has such a counter, and inference never reads it. */
export function isCounter(name: string): boolean {
  return /(^|\.)num_batches_tracked$/.test(name);
}
/** Constants that some files carry; a preset has its own. */
const CONSTANT = /(^|\.)(pixel_mean|pixel_std)$/;
/** What `torch.compile` puts into the names of what it compiles, the model or a part. */
const COMPILED = /(?<=^|\.)_orig_mod\./g;
/** Where the model's own names begin: at one of its parts, in either style. */
const PART = new RegExp(`(?<=^|\\.)(${NAMINGS.flatMap(({ parts }) => parts).join("|")})\\.`);

/**
 * Takes off what wrappers put before a model's own names, such as `module.` or `sam_model.`. Other modules may be
 * beside the model: a loss, averages, a second model. Of several prefixes the shortest is the model's; what lies
 * deeper below it is not.
 */
function withoutPrefix(names: readonly string[]): (name: string) => string {
  const compiled = (name: string) => name.replace(COMPILED, "");
  const prefixOf = (name: string) => name.slice(0, Math.max(name.search(PART), 0));
  const prefixes = names.map(compiled).filter((name) => PART.test(name)).map(prefixOf); // prettier-ignore
  const own = prefixes.reduce((a, b) => (b.length < a.length ? b : a), prefixes[0] ?? "");
  return (given) => {
    const name = compiled(given);
    return name.slice((name.startsWith(own) ? own : prefixOf(name)).length);
  };
}

/** A checkpoint under the names of the state_dict, and what they were in the file. */
export interface NormalisedCheckpoint {
  /** The same tensors under their original state_dict paths. Closing it closes the one behind it. */
  readonly checkpoint: Checkpoint;
  /** `[name in the file, path]`, where they differ. */
  readonly renamed: readonly (readonly [string, string])[];
  /** What was left out: unused constants, second copies of tied tensors, values of classes that are not known. */
  readonly dropped: readonly string[];
  /** What its family calls tensors; SAM's names where no family is told by the names. */
  readonly naming: Naming;
}

/**
 * Brings a checkpoint's names to the original state_dict paths: strips what a wrapper puts before them (`module.`,
 * `model.`, `_orig_mod.`, ...), translates Hugging Face's names, and leaves out what nothing uses.
 *
 * @throws CheckpointError when two different tensors have one name, as where there are two models.
 */
export function normaliseKeys(checkpoint: Checkpoint): NormalisedCheckpoint {
  const names = [...checkpoint.tensors.keys()];
  const plain = withoutPrefix(names);
  const given = names.map(plain);
  const huggingFace = NAMINGS.find((naming) => naming.isHuggingFace(given));
  const toPath = (name: string) => huggingFace?.fromHuggingFace(plain(name)) ?? plain(name);
  const stackOf = (name: string) =>
    huggingFace?.stacked.find((stack) => stack.huggingFace === plain(name))?.originals;

  const placeOf = new Map<string, Place>();
  const tensors = new Map<string, TensorInfo>();
  const dropped: string[] = [...(checkpoint.skipped ?? [])];
  for (const [name, info] of checkpoint.tensors) {
    const originals = stackOf(name);
    if (originals !== undefined) {
      const [count, ...row] = info.shape;
      if (count !== originals.length)
        throw new CheckpointError(
          `${checkpoint.source}: tensor "${name}" is [${info.shape}]; expected ${originals.length} rows`,
        );
      for (const [n, path] of originals.entries()) {
        placeOf.set(path, { name, row: n, rows: count });
        tensors.set(path, { ...info, shape: [1, ...row] });
      }
      continue;
    }
    const path = toPath(name);
    const earlier = placeOf.get(path);
    if (isCounter(path) || CONSTANT.test(path)) dropped.push(name);
    else if (earlier === undefined) {
      placeOf.set(path, { name });
      tensors.set(path, info);
    } else if (isSame(checkpoint, earlier.name, name)) dropped.push(name);
    else
      throw new CheckpointError(
        `${checkpoint.source}: tensors "${earlier.name}" and "${name}" are both ${path}, and differ; remove one of them`,
      );
  }
  return {
    checkpoint: {
      source: checkpoint.source,
      metadata: checkpoint.metadata,
      tensors,
      readBytes(path) {
        const place = placeOf.get(path);
        if (place === undefined) throw new CheckpointError(`${checkpoint.source}: has no tensor "${path}"`);
        const bytes = checkpoint.readBytes(place.name);
        if (place.row === undefined) return bytes;
        const size = bytes.length / place.rows;
        return bytes.slice(place.row * size, (place.row + 1) * size);
      },
      close: () => checkpoint.close(),
    },
    renamed: [...placeOf].filter(([path, { name }]) => path !== name).map(([path, { name }]) => [name, path]),
    dropped,
    naming: huggingFace ?? NAMINGS.find((naming) => naming.isOriginal(given)) ?? SAM_NAMES,
  };
}

/** Where a tensor of the state_dict is in the file: a tensor of it, or one of its rows. */
type Place =
  | { readonly name: string; readonly row?: undefined }
  | { readonly name: string; readonly row: number; readonly rows: number };

function isSame(checkpoint: Checkpoint, a: string, b: string): boolean {
  const [first, second] = [a, b].map((name) => checkpoint.tensors.get(name));
  if (first?.dtype !== second?.dtype || `${first?.shape}` !== `${second?.shape}`) return false;
  const [left, right] = [a, b].map((name) => checkpoint.readBytes(name));
  return left.every((byte, index) => byte === right[index]);
}
