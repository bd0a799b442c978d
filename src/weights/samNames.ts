import { tableNaming, type NameTable } from "./naming.js";

/** @see segment-anything, state_dict of `Sam`; transformers, `SamModel` */
const TABLE: NameTable = [
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

/** Names of SAM, MedSAM and LiteMedSAM. */
export const SAM_NAMES = tableNaming(TABLE, {
  original: /^image_encoder\.(pos_embed$|(blocks|layers|patch_embed|neck\.\d)\.)/,
  huggingFace: /^vision_encoder\.(pos_embed$|(layers|patch_embed|neck\.(conv|layer_norm)\d)\.)/,
});

/** Name in Hugging Face's `SamModel` of an original state_dict path. */
export function toHuggingFace(path: string): string {
  return SAM_NAMES.toHuggingFace(path);
}

/** Original state_dict path of a name in Hugging Face's `SamModel`. */
export function fromHuggingFace(name: string): string {
  return SAM_NAMES.fromHuggingFace(name);
}
