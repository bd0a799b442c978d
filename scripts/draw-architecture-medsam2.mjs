// node scripts/draw-architecture-medsam2.mjs [FILE]: draws MedSAM2's architecture as draw-architecture.mjs does MedSAM's.
// Run it after `npm run build`.
import { fileURLToPath } from "node:url";
import { MEDSAM2 } from "../dist/model/sam2/config.js";
import { sheet } from "./architectureSheet.mjs";

const { arrow, box, countOf, maps, module, plus, put, rect, room, shape, shapeB, sides, size, text, write } =
  sheet(MEDSAM2);
const { imageSize, numMaskmem, maxObjPtrsInEncoder, promptEmbedDim, memoryEncoder, imageEncoder } = MEDSAM2;
const [, , grid] = sides("image_encoder");
const memory = `[${memoryEncoder.outDim}, ${grid}, ${grid}]`;
/** Where the embedding goes down, on its way to the memory encoder. */
const RAW = 490;

// The image encoder.
{
  room(16, 16, 968, 220, "blue", "image_encoder");
  const middle = 124;
  rect(40, middle - 34, 68, 68, "box blue", 2);
  text(74, middle + 54, "frame", "middle");
  text(74, middle + 70, `[1, 3, ${imageSize}, ${imageSize}]`, "shape middle");
  arrow([112, middle], [128, middle]);
  box(132, middle - 30, 136, 60, "blue", "image_encoder.trunk.patch_embed", ["trunk.patch_embed", "+ pos_embed", "+ pos_embed_window"]); // prettier-ignore
  module("image_encoder.trunk.pos_embed");
  module("image_encoder.trunk.pos_embed_window");
  text(199, middle + 54, "patches of 7, stride 4", "note middle");
  text(199, middle + 70, shape("image_encoder.trunk.tokens"), "shape middle");
  const lefts = [290, 410, 526, 662];
  const widths = [92, 92, 116, 84];
  let first = 0;
  for (const [stage, depth] of imageEncoder.stages.entries()) {
    const [x, width] = [lefts[stage], widths[stage]];
    arrow([stage === 0 ? 272 : lefts[stage - 1] + widths[stage - 1] + 4, middle], [x - 4, middle]);
    const cell = width / depth;
    for (let n = 0; n < depth; n++) {
      const index = first + n;
      module(`image_encoder.trunk.blocks.${index}`);
      const isGlobal = imageEncoder.globalAttBlocks.includes(index);
      rect(x + n * cell, middle - 20, cell - 3, 40, `box blue${isGlobal ? " full" : ""}`, 3);
      text(x + n * cell + (cell - 3) / 2, middle - 28, index, "shape middle");
    }
    const last = first + depth - 1;
    text(x + width / 2, middle + 40, `stage ${stage}`, "note middle");
    text(x + width / 2, middle + 56, shape(`image_encoder.trunk.blocks.${last}`), "shape middle");
    first = last + 1;
  }
  text(508, middle - 50, "trunk.blocks; filled: attention over the whole grid", "note middle");
  arrow([750, middle], [768, middle]);
  box(772, middle - 30, 88, 60, "blue", "image_encoder.neck", ["neck"]);
  text(792, middle + 54, "FPN", "note middle");
  arrow([864, middle], [884, middle]);
  maps(888, middle - 14, 44, "blue");
  text(916, middle + 54, "embedding", "middle");
  text(916, middle + 70, shape("image_encoder"), "shape middle");
  put(`<text x="32" y="220" class="note">The first block of a stage pools its queries: the grid halves, and the width doubles.</text>`); // prettier-ignore
}

// Memory attention.
{
  room(16, 282, 454, 176, "orange", "memory_attention", 150);
  const middle = 380;
  text(88, 274, "embedding", "path");
  const layers = countOf("memory_attention.layers");
  for (let n = layers - 1; n >= 0; n--) {
    const offset = 4 * n;
    rect(28 + offset, middle - 54 - offset / 2, 330, 106, "box orange", 8);
    module(`memory_attention.layers.${n}`);
  }
  const each = "memory_attention.layers.0";
  box(38, middle - 30, 84, 60, "orange", `${each}.self_attn`, ["self_attn", "+ norm1"]);
  box(138, middle - 30, 116, 60, "orange", `${each}.cross_attn_image`, ["cross_attn_image", "+ norm2"]);
  box(270, middle - 30, 78, 60, "orange", `${each}.linear1`, ["linear1, 2", "+ norm3"]);
  text(40, middle + 47, `layers, ${layers} x ${size(each)}`, "note");
  arrow([916, 200], [916, 259], [80, 259], [80, middle - 36]);
  arrow([126, middle], [134, middle]);
  arrow([258, middle], [266, middle]);
  arrow([376, middle], [396, middle]);
  box(400, middle - 20, 56, 40, "orange", "memory_attention.norm");
  text(420, middle + 45, "without memory", "note middle");
  text(412, middle + 61, "+ no_mem_embed", "note middle");
  module("no_mem_embed");
}

// The prompt encoder, and a mask that is a prompt.
{
  rect(216, 484, 254, 112, "room green", 10);
  put('<text x="226" y="507" class="title green-ink">sam_prompt_encoder</text>');
  box(224, 520, 118, 58, "green", "sam_prompt_encoder.pe_layer", ["pe_layer +", "point_embeddings", "or not_a_point_…"]); // prettier-ignore
  module("sam_prompt_encoder.point_embeddings");
  module("sam_prompt_encoder.not_a_point_embed");
  box(350, 520, 112, 58, "green", "sam_prompt_encoder.mask_downscaling", ["mask_down-", "scaling or", "no_mask_embed"]); // prettier-ignore
  module("sam_prompt_encoder.no_mask_embed");
  text(28, 500, "a mask as prompt", "note");
  box(28, 508, 140, 34, "green", "mask_downsample");
  text(28, 560, "then mask_downscaling", "note");
}

// The mask decoder.
{
  room(510, 282, 474, 314, "green", "sam_mask_decoder");
  const lane = 392;
  // Level 0 and 1 of the neck.
  box(736, 322, 100, 34, "green", "sam_mask_decoder.conv_s1", ["conv_s1", "conv_s0"]);
  module("sam_mask_decoder.conv_s0");
  put(`<path d="M820 252v14" stroke="var(--paper)" stroke-width="7"/>`);
  arrow([820, 158], [820, 318]);
  text(828, 274, "levels 1 and 0", "path");
  arrow([786, 360], [786, lane - 26]);
  text(844, 335, shape("sam_mask_decoder.conv_s1"), "shape");
  text(844, 350, shape("sam_mask_decoder.conv_s0"), "shape");
  // The image.
  arrow([460, 380], [531, 380]);
  put(`<path d="M${RAW} 372v16" stroke="var(--paper)" stroke-width="7"/>`);
  plus(544, 380);
  arrow([406, 516], [406, 472], [544, 472], [544, 393]);
  arrow([557, 380], [580, 380]);
  box(584, 350, 130, 92, "green", "sam_mask_decoder.transformer", [
    "transformer",
    `${countOf("sam_mask_decoder.transformer.layers")} two-way layers`,
    size("sam_mask_decoder.transformer"),
  ]);
  // The tokens.
  rect(526, 488, 184, 98, "box green");
  const marks = [
    ["obj_score_token", sides("sam_mask_decoder.obj_score_token")[0], "box green full"],
    ["iou_token", sides("sam_mask_decoder.iou_token")[0], "box green full"],
    ["mask_tokens", sides("sam_mask_decoder.mask_tokens")[0], "box green full soft"],
    ["sparse", sides("sam_prompt_encoder.sparse_embeddings")[1], "box green"],
  ];
  for (const [n, [name, many, kind]] of marks.entries()) {
    text(536, 505 + n * 19, name, "path");
    for (let k = 0; k < many; k++) rect(648 + k * 15, 495 + n * 19, 12, 12, kind, 2);
    if (name !== "sparse") module(`sam_mask_decoder.${name}`);
  }
  text(536, 579, `tokens ${shapeB("sam_mask_decoder.tokens")}`, "shape");
  arrow([283, 582], [283, 604], [500, 604], [500, 556], [522, 556]);
  arrow([640, 484], [640, 446]);
  // The heads.
  box(736, lane - 22, 100, 44, "green", "sam_mask_decoder.output_upscaling", ["output_", "upscaling"]);
  box(736, lane + 40, 100, 44, "green", "sam_mask_decoder.output_hypernetworks_mlps", ["output_hyper", "networks_mlps"]); // prettier-ignore
  box(736, lane + 100, 100, 34, "green", "sam_mask_decoder.iou_prediction_head", ["iou_prediction", "_head"]);
  box(736, lane + 150, 100, 34, "green", "sam_mask_decoder.pred_obj_score_head", ["pred_obj_score", "_head"]);
  arrow([718, lane], [732, lane]);
  arrow([723, 430], [723, lane + 62], [732, lane + 62]);
  put(`<path d="M714 430h9" class="line"/>`);
  arrow([723, lane + 62], [723, lane + 117], [732, lane + 117]);
  arrow([723, lane + 117], [723, lane + 167], [732, lane + 167]);
  plus(862, lane + 31, "×");
  arrow([840, lane], [862, lane], [862, lane + 18]);
  arrow([840, lane + 62], [862, lane + 62], [862, lane + 44]);
  text(877, lane + 28, "masks, logits", "strong");
  text(877, lane + 44, shapeB("sam_mask_decoder.all_masks"), "shape");
  text(844, lane + 121, "scores", "strong");
  text(844, lane + 171, "object score", "strong");
}

// What is remembered.
{
  rect(16, 624, 320, 232, "box", 10);
  put(`<rect x="16" y="624" width="320" height="232" rx="10" fill="none" stroke="var(--line)" stroke-width="1.4"/>`); // prettier-ignore
  text(32, 650, "What is remembered of other frames", "strong");
  const lines = [
    [`memories ${memory} of`, `all prompted frames, then the last ${numMaskmem - 1} tracked`],
    [`pointers [${promptEmbedDim}] of`, `prompted frames, then the last ${maxObjPtrsInEncoder - 1} tracked`],
  ];
  for (const [n, [what, whose]] of lines.entries()) {
    text(32, 678 + n * 42, what, "shape");
    text(32, 694 + n * 42, whose, "note");
  }
  text(32, 766, "their time:", "note");
  box(32, 774, 130, 34, "orange", "maskmem_tpos_enc");
  box(172, 774, 146, 34, "orange", "obj_ptr_tpos_proj");
  text(97, 826, "of memories", "note middle");
  text(245, 826, "of pointers", "note middle");
  text(32, 845, "no_mem_pos_enc: in every file, used by nothing", "note");
  module("no_mem_pos_enc");
  arrow([200, 624], [200, 414]);
  const tokens = numMaskmem * grid * grid + maxObjPtrsInEncoder * (promptEmbedDim / memoryEncoder.outDim);
  text(192, 604, `up to ${tokens} tokens`, "note end");
}

// The object's pointer, and the memory encoder, from right to left.
{
  box(540, 612, 120, 34, "orange", "obj_ptr_proj", ["obj_ptr_proj", "or no_obj_ptr"]);
  module("no_obj_ptr");
  arrow([700, 442], [700, 466], [716, 466], [716, 629], [664, 629]);
  room(372, 668, 612, 188, "orange", "memory_encoder", 388);
  const lane = 770;
  arrow([954, 444], [954, lane], [904, lane]);
  text(948, 628, "the chosen mask", "note end");
  box(780, lane - 24, 120, 48, "orange", "memory_encoder.mask_downsampler", ["mask_downsampler"]);
  text(840, lane + 44, `[1, 1, ${imageSize}, ${imageSize}]`, "shape middle");
  arrow([776, lane], [743, lane]);
  plus(730, lane);
  box(676, 690, 108, 34, "orange", "memory_encoder.pix_feat_proj");
  arrow([730, 728], [730, lane - 13]);
  arrow([717, lane], [684, lane]);
  box(560, lane - 24, 120, 48, "orange", "memory_encoder.fuser", ["fuser", `${countOf("memory_encoder.fuser.layers")} x CXBlock`]); // prettier-ignore
  arrow([556, lane], [530, lane]);
  box(408, lane - 24, 118, 48, "orange", "memory_encoder.out_proj", ["out_proj", "+ no_obj_embed_", "spatial"]); // prettier-ignore
  module("no_obj_embed_spatial");
  text(467, lane + 44, `[1, ${memory.slice(1)}`, "shape middle");
  arrow([404, lane], [340, lane]);
  // The embedding as the encoder gave it.
  for (const y of [472, 604]) put(`<path d="M${RAW} ${y - 8}v16" stroke="var(--paper)" stroke-width="7"/>`);
  arrow([RAW, 259], [RAW, 655], [660, 655], [660, 707], [672, 707]);
  arrow([536, 629], [340, 629]);
  text(378, 645, "pointer", "note");
}

text(520, 270, `MedSAM2, ${size("")} parameters`, "strong");
text(32, 880, "One frame, one object, a box. A frame looks at the memory of others, and leaves its own. Shapes are PyTorch's; names are the state_dict's.", "note"); // prettier-ignore

write(process.argv[2] ?? fileURLToPath(new URL("../docs/images/architecture-medsam2.svg", import.meta.url)), {
  label: "MedSAM2's architecture",
  width: 1000,
  height: 896,
});
