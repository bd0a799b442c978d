import { CheckpointError, type Checkpoint, type TensorInfo } from "./checkpoint.js";

/**
 * Starts of names: the original ones, and those of Hugging Face's `SamModel`. The first row that a name starts with
 * counts, and no other; `#` is a number. Names that start with none of them are the same in both.
 *
 * @see segment-anything, state_dict of `Sam`; transformers, `SamModel`
 */
const NAMES: readonly (readonly [original: string, huggingFace: string])[] = [
  ["image_encoder.blocks.#.norm#.", "vision_encoder.layers.#.layer_norm#."],
  ["image_encoder.blocks.", "vision_encoder.layers."],
  ["image_encoder.patch_embed.proj.", "vision_encoder.patch_embed.projection."],
  ["image_encoder.neck.0.", "vision_encoder.neck.conv1."],
  ["image_encoder.neck.1.", "vision_encoder.neck.layer_norm1."],
  ["image_encoder.neck.2.", "vision_encoder.neck.conv2."],
  ["image_encoder.neck.3.", "vision_encoder.neck.layer_norm2."],
  ["image_encoder.", "vision_encoder."],

  // Hugging Face has this buffer twice; files of tied weights hold the first alone.
  [
    "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
    "shared_image_embedding.positional_embedding",
  ],
  [
    "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
    "prompt_encoder.shared_embedding.positional_embedding",
  ],
  ["prompt_encoder.point_embeddings.", "prompt_encoder.point_embed."],
  ["prompt_encoder.mask_downscaling.0.", "prompt_encoder.mask_embed.conv1."],
  ["prompt_encoder.mask_downscaling.1.", "prompt_encoder.mask_embed.layer_norm1."],
  ["prompt_encoder.mask_downscaling.3.", "prompt_encoder.mask_embed.conv2."],
  ["prompt_encoder.mask_downscaling.4.", "prompt_encoder.mask_embed.layer_norm2."],
  ["prompt_encoder.mask_downscaling.6.", "prompt_encoder.mask_embed.conv3."],

  ["mask_decoder.transformer.layers.#.norm#.", "mask_decoder.transformer.layers.#.layer_norm#."],
  ["mask_decoder.transformer.norm_final_attn.", "mask_decoder.transformer.layer_norm_final_attn."],
  ["mask_decoder.output_upscaling.0.", "mask_decoder.upscale_conv1."],
  ["mask_decoder.output_upscaling.1.", "mask_decoder.upscale_layer_norm."],
  ["mask_decoder.output_upscaling.3.", "mask_decoder.upscale_conv2."],
  ["mask_decoder.output_hypernetworks_mlps.#.layers.0.", "mask_decoder.output_hypernetworks_mlps.#.proj_in."],
  [
    "mask_decoder.output_hypernetworks_mlps.#.layers.1.",
    "mask_decoder.output_hypernetworks_mlps.#.layers.0.",
  ],
  [
    "mask_decoder.output_hypernetworks_mlps.#.layers.2.",
    "mask_decoder.output_hypernetworks_mlps.#.proj_out.",
  ],
  ["mask_decoder.iou_prediction_head.layers.0.", "mask_decoder.iou_prediction_head.proj_in."],
  ["mask_decoder.iou_prediction_head.layers.1.", "mask_decoder.iou_prediction_head.layers.0."],
  ["mask_decoder.iou_prediction_head.layers.2.", "mask_decoder.iou_prediction_head.proj_out."],
];

type Rule = readonly [start: RegExp, replacement: string];

/** `a.#.` and `b.#.` to `/^a\.(\d+)\./` and `b.$1.`. */
function rule(from: string, to: string): Rule {
  let numbers = 0;
  return [
    new RegExp(`^${from.replaceAll(".", "\\.").replaceAll("#", "(\\d+)")}`),
    to.replaceAll("#", () => `$${++numbers}`),
  ];
}

const TO_HUGGING_FACE = NAMES.map(([original, huggingFace]) => rule(original, huggingFace));
const FROM_HUGGING_FACE = NAMES.map(([original, huggingFace]) => rule(huggingFace, original));

function rename(name: string, rules: readonly Rule[]): string {
  const found = rules.find(([start]) => start.test(name));
  return found === undefined ? name : name.replace(...found);
}

/** Name in Hugging Face's `SamModel` of an original state_dict path. */
export function toHuggingFace(path: string): string {
  return rename(path, TO_HUGGING_FACE);
}

/** Original state_dict path of a name in Hugging Face's `SamModel`. */
export function fromHuggingFace(name: string): string {
  return rename(name, FROM_HUGGING_FACE);
}

/** Constants and counters that some files carry and nothing uses. */
const UNUSED = /^(pixel_mean|pixel_std|.*\.num_batches_tracked)$/;
/** What `torch.compile` puts into the names of what it compiles, the model or a part. */
const COMPILED = /(?<=^|\.)_orig_mod\./g;
/** Where the model's own names begin: at one of its parts, in either style. */
const PART = new RegExp(
  `(?<=^|\\.)(${[...new Set(NAMES.flat().map((name) => name.split(".")[0]))].join("|")})\\.`,
);

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
  const isHuggingFace = names.some((name) => plain(name).startsWith("vision_encoder."));

  const nameOf = new Map<string, string>();
  const tensors = new Map<string, TensorInfo>();
  const dropped: string[] = [...(checkpoint.skipped ?? [])];
  for (const [name, info] of checkpoint.tensors) {
    const path = isHuggingFace ? fromHuggingFace(plain(name)) : plain(name);
    const earlier = nameOf.get(path);
    if (UNUSED.test(path)) dropped.push(name);
    else if (earlier === undefined) {
      nameOf.set(path, name);
      tensors.set(path, info);
    } else if (isSame(checkpoint, earlier, name)) dropped.push(name);
    else
      throw new CheckpointError(
        `${checkpoint.source}: tensors "${earlier}" and "${name}" are both ${path}, and differ; remove one of them`,
      );
  }
  return {
    checkpoint: {
      source: checkpoint.source,
      metadata: checkpoint.metadata,
      tensors,
      readBytes(path) {
        const name = nameOf.get(path);
        if (name === undefined) throw new CheckpointError(`${checkpoint.source}: has no tensor "${path}"`);
        return checkpoint.readBytes(name);
      },
      close: () => checkpoint.close(),
    },
    renamed: [...nameOf].filter(([path, name]) => path !== name).map(([path, name]) => [name, path]),
    dropped,
  };
}

function isSame(checkpoint: Checkpoint, a: string, b: string): boolean {
  const [first, second] = [a, b].map((name) => checkpoint.tensors.get(name));
  if (first?.dtype !== second?.dtype || `${first?.shape}` !== `${second?.shape}`) return false;
  const [left, right] = [a, b].map((name) => checkpoint.readBytes(name));
  return left.every((byte, index) => byte === right[index]);
}
