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
/** What `DistributedDataParallel` puts before every name. */
const DISTRIBUTED = "module.";

/** A checkpoint under the names of the state_dict, and what they were in the file. */
export interface NormalisedCheckpoint {
  /** The same tensors under their original state_dict paths. Closing it closes the one behind it. */
  readonly checkpoint: Checkpoint;
  /** `[name in the file, path]`, where they differ. */
  readonly renamed: readonly (readonly [string, string])[];
  /** Names that were left out: unused constants, and second copies of tied tensors. */
  readonly dropped: readonly string[];
}

/**
 * Brings a checkpoint's names to the original state_dict paths: strips the `module.` of distributed training,
 * translates Hugging Face's names, and leaves out what nothing uses.
 *
 * @throws CheckpointError when two different tensors have one name.
 */
export function normaliseKeys(checkpoint: Checkpoint): NormalisedCheckpoint {
  const names = [...checkpoint.tensors.keys()];
  const distributed = names.every((name) => name.startsWith(DISTRIBUTED));
  const plain = (name: string) => (distributed ? name.slice(DISTRIBUTED.length) : name);
  const isHuggingFace = names.some((name) => plain(name).startsWith("vision_encoder."));

  const nameOf = new Map<string, string>();
  const tensors = new Map<string, TensorInfo>();
  const dropped: string[] = [];
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
