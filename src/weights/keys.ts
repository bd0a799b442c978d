import { CheckpointError, type Checkpoint, type TensorInfo } from "./checkpoint.js";

/**
 * Hugging Face's names of `SamModel`, by the original ones: each rule replaces what it matches, all in this order.
 *
 * @see transformers, convert_sam_to_hf.py
 */
const TO_HUGGING_FACE: readonly (readonly [from: RegExp, to: string])[] = [
  [
    /^prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix$/,
    "shared_image_embedding.positional_embedding",
  ],
  [/^image_encoder\.blocks\./, "image_encoder.layers."],
  [/^image_encoder\./, "vision_encoder."],
  [/^vision_encoder\.patch_embed\.proj\./, "vision_encoder.patch_embed.projection."],
  [/^vision_encoder\.neck\.0\./, "vision_encoder.neck.conv1."],
  [/^vision_encoder\.neck\.1\./, "vision_encoder.neck.layer_norm1."],
  [/^vision_encoder\.neck\.2\./, "vision_encoder.neck.conv2."],
  [/^vision_encoder\.neck\.3\./, "vision_encoder.neck.layer_norm2."],
  [/\.norm([1-4])\./, ".layer_norm$1."],
  [/\.norm_final_attn\./, ".layer_norm_final_attn."],
  [/^prompt_encoder\.point_embeddings\./, "prompt_encoder.point_embed."],
  [/^prompt_encoder\.mask_downscaling\.0\./, "prompt_encoder.mask_embed.conv1."],
  [/^prompt_encoder\.mask_downscaling\.1\./, "prompt_encoder.mask_embed.layer_norm1."],
  [/^prompt_encoder\.mask_downscaling\.3\./, "prompt_encoder.mask_embed.conv2."],
  [/^prompt_encoder\.mask_downscaling\.4\./, "prompt_encoder.mask_embed.layer_norm2."],
  [/^prompt_encoder\.mask_downscaling\.6\./, "prompt_encoder.mask_embed.conv3."],
  [/^mask_decoder\.output_upscaling\.0\./, "mask_decoder.upscale_conv1."],
  [/^mask_decoder\.output_upscaling\.1\./, "mask_decoder.upscale_layer_norm."],
  [/^mask_decoder\.output_upscaling\.3\./, "mask_decoder.upscale_conv2."],
  [/^(mask_decoder\.(?:iou_prediction_head|output_hypernetworks_mlps\.\d+))\.layers\.0\./, "$1.proj_in."],
  [/^(mask_decoder\.(?:iou_prediction_head|output_hypernetworks_mlps\.\d+))\.layers\.2\./, "$1.proj_out."],
  [/^(mask_decoder\.(?:iou_prediction_head|output_hypernetworks_mlps\.\d+))\.layers\.1\./, "$1.layers.0."],
];

/** The inverse, for names of `SamModel`. */
const FROM_HUGGING_FACE: readonly (readonly [from: RegExp, to: string])[] = [
  [
    /^(?:shared_image_embedding|prompt_encoder\.shared_embedding)\.positional_embedding$/,
    "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
  ],
  [/^vision_encoder\.layers\./, "vision_encoder.blocks."],
  [/^vision_encoder\.patch_embed\.projection\./, "vision_encoder.patch_embed.proj."],
  [/^vision_encoder\.neck\.conv1\./, "vision_encoder.neck.0."],
  [/^vision_encoder\.neck\.layer_norm1\./, "vision_encoder.neck.1."],
  [/^vision_encoder\.neck\.conv2\./, "vision_encoder.neck.2."],
  [/^vision_encoder\.neck\.layer_norm2\./, "vision_encoder.neck.3."],
  [/^vision_encoder\./, "image_encoder."],
  [/^prompt_encoder\.point_embed\./, "prompt_encoder.point_embeddings."],
  [/^prompt_encoder\.mask_embed\.conv1\./, "prompt_encoder.mask_downscaling.0."],
  [/^prompt_encoder\.mask_embed\.layer_norm1\./, "prompt_encoder.mask_downscaling.1."],
  [/^prompt_encoder\.mask_embed\.conv2\./, "prompt_encoder.mask_downscaling.3."],
  [/^prompt_encoder\.mask_embed\.layer_norm2\./, "prompt_encoder.mask_downscaling.4."],
  [/^prompt_encoder\.mask_embed\.conv3\./, "prompt_encoder.mask_downscaling.6."],
  [/^mask_decoder\.upscale_conv1\./, "mask_decoder.output_upscaling.0."],
  [/^mask_decoder\.upscale_layer_norm\./, "mask_decoder.output_upscaling.1."],
  [/^mask_decoder\.upscale_conv2\./, "mask_decoder.output_upscaling.3."],
  [/^(mask_decoder\.(?:iou_prediction_head|output_hypernetworks_mlps\.\d+))\.layers\.0\./, "$1.layers.1."],
  [/^(mask_decoder\.(?:iou_prediction_head|output_hypernetworks_mlps\.\d+))\.proj_in\./, "$1.layers.0."],
  [/^(mask_decoder\.(?:iou_prediction_head|output_hypernetworks_mlps\.\d+))\.proj_out\./, "$1.layers.2."],
  [/\.layer_norm([1-4])\./, ".norm$1."],
  [/\.layer_norm_final_attn\./, ".norm_final_attn."],
];

function rewrite(name: string, rules: readonly (readonly [RegExp, string])[]): string {
  return rules.reduce((current, [from, to]) => current.replace(from, to), name);
}

/** Name in Hugging Face's `SamModel` of an original state_dict path. */
export function toHuggingFace(path: string): string {
  return rewrite(path, TO_HUGGING_FACE);
}

/** Original state_dict path of a name in Hugging Face's `SamModel`. */
export function fromHuggingFace(name: string): string {
  return rewrite(name, FROM_HUGGING_FACE);
}

/** Constants and counters that some files carry and nothing uses. */
const UNUSED = /^(pixel_mean|pixel_std|.*\.num_batches_tracked)$/;

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
  const distributed = names.length > 0 && names.every((name) => name.startsWith("module."));
  const plain = (name: string) => (distributed ? name.slice("module.".length) : name);
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
    } else if (sameBytes(checkpoint.readBytes(earlier), checkpoint.readBytes(name))) dropped.push(name);
    else
      throw new CheckpointError(
        `${checkpoint.source}: tensors "${earlier}" and "${name}" are both ${path}, and differ`,
      );
  }
  const renamed = [...nameOf]
    .filter(([path, name]) => path !== name)
    .map(([path, name]) => [name, path] as const);
  return {
    checkpoint: {
      source: checkpoint.source,
      metadata: checkpoint.metadata,
      tensors,
      readBytes: (path) => checkpoint.readBytes(nameOf.get(path) ?? path),
      close: () => checkpoint.close(),
    },
    renamed,
    dropped,
  };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
