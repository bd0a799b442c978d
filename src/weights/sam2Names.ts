import { tableNaming, type NameTable } from "./naming.js";

/** Three linear layers, which Hugging Face counts in another way. */
function head(original: string, huggingFace: string): NameTable {
  return [
    [`${original}.layers.0.`, `${huggingFace}.proj_in.`],
    [`${original}.layers.1.`, `${huggingFace}.layers.0.`],
    [`${original}.layers.2.`, `${huggingFace}.proj_out.`],
  ];
}

const DECODER_LAYER = "transformer.layers.#";

/** @see sam2, state_dict of `SAM2Base`; transformers, `Sam2Model` and `Sam2VideoModel` */
const TABLE: NameTable = [
  ["image_encoder.trunk.patch_embed.proj.", "vision_encoder.backbone.patch_embed.projection."],
  ["image_encoder.trunk.blocks.#.norm#.", "vision_encoder.backbone.blocks.#.layer_norm#."],
  ["image_encoder.trunk.blocks.#.mlp.layers.0.", "vision_encoder.backbone.blocks.#.mlp.proj_in."],
  ["image_encoder.trunk.blocks.#.mlp.layers.1.", "vision_encoder.backbone.blocks.#.mlp.proj_out."],
  ["image_encoder.trunk.", "vision_encoder.backbone."],
  ["image_encoder.neck.convs.#.conv.", "vision_encoder.neck.convs.#."],

  // Hugging Face has this buffer twice; files of tied weights hold the first alone.
  [
    "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
    "shared_image_embedding.positional_embedding",
  ],
  [
    "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
    "prompt_encoder.shared_embedding.positional_embedding",
  ],
  ["sam_prompt_encoder.mask_downscaling.0.", "prompt_encoder.mask_embed.conv1."],
  ["sam_prompt_encoder.mask_downscaling.1.", "prompt_encoder.mask_embed.layer_norm1."],
  ["sam_prompt_encoder.mask_downscaling.3.", "prompt_encoder.mask_embed.conv2."],
  ["sam_prompt_encoder.mask_downscaling.4.", "prompt_encoder.mask_embed.layer_norm2."],
  ["sam_prompt_encoder.mask_downscaling.6.", "prompt_encoder.mask_embed.conv3."],
  ["sam_prompt_encoder.", "prompt_encoder."],

  [`sam_mask_decoder.${DECODER_LAYER}.norm#.`, `mask_decoder.${DECODER_LAYER}.layer_norm#.`],
  [`sam_mask_decoder.${DECODER_LAYER}.mlp.layers.0.`, `mask_decoder.${DECODER_LAYER}.mlp.proj_in.`],
  [`sam_mask_decoder.${DECODER_LAYER}.mlp.layers.1.`, `mask_decoder.${DECODER_LAYER}.mlp.proj_out.`],
  ...[
    `${DECODER_LAYER}.self_attn`,
    `${DECODER_LAYER}.cross_attn_token_to_image`,
    `${DECODER_LAYER}.cross_attn_image_to_token`,
    "transformer.final_attn_token_to_image",
  ].map((path) => [`sam_mask_decoder.${path}.out_proj.`, `mask_decoder.${path}.o_proj.`] as const),
  ["sam_mask_decoder.transformer.norm_final_attn.", "mask_decoder.transformer.layer_norm_final_attn."],
  ["sam_mask_decoder.output_upscaling.0.", "mask_decoder.upscale_conv1."],
  ["sam_mask_decoder.output_upscaling.1.", "mask_decoder.upscale_layer_norm."],
  ["sam_mask_decoder.output_upscaling.3.", "mask_decoder.upscale_conv2."],
  ...head("sam_mask_decoder.output_hypernetworks_mlps.#", "mask_decoder.output_hypernetworks_mlps.#"),
  ...head("sam_mask_decoder.iou_prediction_head", "mask_decoder.iou_prediction_head"),
  ...head("sam_mask_decoder.pred_obj_score_head", "mask_decoder.pred_obj_score_head"),
  ["sam_mask_decoder.", "mask_decoder."],

  ["memory_attention.layers.#.norm#.", "memory_attention.layers.#.layer_norm#."],
  ["memory_attention.layers.#.self_attn.out_proj.", "memory_attention.layers.#.self_attn.o_proj."],
  [
    "memory_attention.layers.#.cross_attn_image.out_proj.",
    "memory_attention.layers.#.cross_attn_image.o_proj.",
  ],
  ["memory_attention.norm.", "memory_attention.layer_norm."],

  ...[0, 1, 2, 3].flatMap((n): NameTable => {
    const [original, huggingFace] = [
      "memory_encoder.mask_downsampler.encoder",
      "memory_encoder.mask_downsampler.layers",
    ];
    return [
      [`${original}.${3 * n}.`, `${huggingFace}.${n}.conv.`],
      [`${original}.${3 * n + 1}.`, `${huggingFace}.${n}.layer_norm.`],
    ];
  }),
  ["memory_encoder.mask_downsampler.encoder.12.", "memory_encoder.mask_downsampler.final_conv."],
  ["memory_encoder.pix_feat_proj.", "memory_encoder.feature_projection."],
  ["memory_encoder.out_proj.", "memory_encoder.projection."],
  ["memory_encoder.fuser.layers.#.norm.", "memory_encoder.memory_fuser.layers.#.layer_norm."],
  ["memory_encoder.fuser.layers.#.dwconv.", "memory_encoder.memory_fuser.layers.#.depthwise_conv."],
  ["memory_encoder.fuser.layers.#.pwconv#.", "memory_encoder.memory_fuser.layers.#.pointwise_conv#."],
  ["memory_encoder.fuser.layers.#.gamma", "memory_encoder.memory_fuser.layers.#.scale"],

  ...head("obj_ptr_proj", "object_pointer_proj"),
  ["obj_ptr_tpos_proj.", "temporal_positional_encoding_projection_layer."],
  ["maskmem_tpos_enc", "memory_temporal_positional_encoding"],
  ["no_mem_embed", "no_memory_embedding"],
  ["no_mem_pos_enc", "no_memory_positional_encoding"],
  ["no_obj_ptr", "no_object_pointer"],
  ["no_obj_embed_spatial", "occlusion_spatial_embedding_parameter"],
];

/** Names of SAM 2.1 and MedSAM2. */
export const SAM2_NAMES = tableNaming(
  TABLE,
  {
    original: /^(image_encoder\.trunk|sam_prompt_encoder|sam_mask_decoder)\./,
    huggingFace: /^vision_encoder\.backbone\./,
  },
  [
    {
      huggingFace: "prompt_encoder.point_embed.weight",
      originals: [0, 1, 2, 3].map((n) => `sam_prompt_encoder.point_embeddings.${n}.weight`),
    },
  ],
);
