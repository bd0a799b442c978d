// node scripts/draw-architecture.mjs [FILE]: draws MedSAM's architecture from the model's own modules, their shapes and
// their parameters; a module that is not drawn, or drawn and not there, is an error. Run it after `npm run build`.
import { fileURLToPath } from "node:url";
import { VIT_B } from "../dist/model/config.js";
import { configName } from "../dist/model/families.js";
import { sheet } from "./architectureSheet.mjs";

const { arrow, box, countOf, maps, module, plus, put, rect, room, shape, shapeB, sides, size, text, write } =
  sheet(VIT_B);

// The image encoder.
const [, grid] = sides("image_encoder.tokens");
{
  const blocks = countOf("image_encoder.blocks");
  /** Side of what the attention of a block sees at once, in tokens. */
  const windowOf = (index) => sides(`image_encoder.blocks.${index}.attn`)[1];
  room(16, 16, 968, 230, "blue", "image_encoder");
  const middle = 128;
  rect(48, middle - 36, 72, 72, "box blue", 2);
  for (const n of [1, 2, 3, 4, 5, 6, 7])
    put(`<path d="M${48 + n * 9} ${middle - 36}v72M48 ${middle - 36 + n * 9}h72" class="thin blue"/>`);
  text(84, middle + 56, "image", "middle");
  text(84, middle + 72, `[1, 3, ${VIT_B.imageSize}, ${VIT_B.imageSize}]`, "shape middle");
  arrow([124, middle], [154, middle]);
  box(158, middle - 26, 94, 52, "blue", "image_encoder.patch_embed", ["patch_embed", "+ pos_embed"]);
  module("image_encoder.pos_embed");
  text(205, middle + 56, `patches of ${VIT_B.patchSize}`, "note middle");
  text(205, middle + 72, shape("image_encoder.tokens"), "shape middle");
  arrow([256, middle], [276, middle]);
  const [left, width, gap] = [280, 35, 4.5];
  for (let index = 0; index < blocks; index++) {
    module(`image_encoder.blocks.${index}`);
    const windowSize = windowOf(index);
    const [x, y] = [left + index * (width + gap), middle - width / 2];
    if (windowSize === grid) rect(x, y, width, width, "box blue full", 3);
    else {
      rect(x, y, width, width, "box blue", 3);
      const cells = Math.ceil(grid / windowSize);
      const lines = Array.from({ length: cells - 1 }, (_, n) => {
        const at = ((n + 1) * width * windowSize) / grid;
        return `M${(x + at).toFixed(1)} ${y}v${width}M${x} ${(y + at).toFixed(1)}h${width}`;
      });
      put(`<path d="${lines.join("")}" class="thin blue"/>`);
    }
    text(x + width / 2, y - 8, index, "shape middle");
  }
  const right = left + blocks * (width + gap) - gap;
  const window = windowOf(0);
  text((left + right) / 2, middle - 47, `blocks, each ${size("image_encoder.blocks.0")}`, "path middle");
  text((left + right) / 2, middle + 56, `attention in windows of ${window} x ${window} tokens; filled: over the whole grid`, "note middle"); // prettier-ignore
  text((left + right) / 2, middle + 72, shape(`image_encoder.blocks.${blocks - 1}`), "shape middle");
  arrow([right + 4, middle], [right + 22, middle]);
  box(right + 26, middle - 26, 62, 52, "blue", "image_encoder.neck");
  text(right + 57, middle + 56, "two convolutions", "note middle");
  arrow([right + 92, middle], [right + 112, middle]);
  maps(right + 116, middle - 22, 44, "blue");
  text(right + 143, middle + 56, "embedding", "middle");
  text(right + 143, middle + 72, shape("image_encoder"), "shape middle");
  put(`<text x="32" y="230" class="note">A block: <tspan class="path">x = x + attn(norm1(x))</tspan>, then <tspan class="path">x = x + mlp(norm2(x))</tspan>. Encoded once, for any number of prompts.</text>`); // prettier-ignore
}

const EMBEDDING = 893; // where the embedding leaves the encoder

// The prompt encoder.
const [SPARSE, DENSE, PE] = [116, 280, 436];
{
  room(16, 272, 508, 158, "orange", "prompt_encoder");
  const inputs = [
    [SPARSE, "boxes [B, 4], or points"],
    [DENSE, `mask [B, 1, ${4 * grid}, ${4 * grid}]`],
    [PE, "the grid's cells"],
  ];
  for (const [x, words] of inputs) {
    text(x, 326, words.replace(/(\[.*?\])/g, '<tspan class="shape">$1</tspan>'), "middle");
    arrow([x, 332], [x, 344]);
  }
  box(36, 348, 160, 58, "orange", "prompt_encoder.pe_layer", ["pe_layer +", "point_embeddings", "or not_a_point_embed"]); // prettier-ignore
  module("prompt_encoder.point_embeddings");
  module("prompt_encoder.not_a_point_embed");
  box(214, 348, 132, 58, "orange", "prompt_encoder.mask_downscaling", [
    "mask_downscaling",
    "or no_mask_embed",
  ]);
  module("prompt_encoder.no_mask_embed");
  box(386, 348, 100, 58, "orange", "prompt_encoder.pe_layer");
}

// The mask decoder: the image above, the tokens below.
{
  room(16, 478, 968, 362, "green", "mask_decoder", 700);
  const [image, tokens, sum] = [570, 700, 454];
  // What comes in.
  arrow([EMBEDDING, 208], [EMBEDDING, sum], [DENSE + 13, sum]);
  arrow([DENSE, 406], [DENSE, sum - 13]);
  plus(DENSE, sum);
  put(`<path d="M${PE} ${sum - 14}v28" stroke="var(--paper)" stroke-width="7"/>`);
  arrow([PE, 406], [PE, 516]);
  arrow([SPARSE, 406], [SPARSE, tokens - 58]);
  text(SPARSE + 8, sum - 6, "sparse_embeddings", "path");
  text(SPARSE + 8, sum + 10, shapeB("prompt_encoder.sparse_embeddings"), "shape");
  text(DENSE + 20, sum - 6, "dense_embeddings", "path");
  text(DENSE + 20, sum + 17, shapeB("prompt_encoder.dense_embeddings"), "shape");
  text(PE + 8, sum - 6, "dense_pe", "path");
  text(PE + 8, sum + 17, `${shape("prompt_encoder.dense_pe")}, added to the image's keys in every attention`, "shape"); // prettier-ignore

  // What comes in: the tokens, and the image's cells with the dense embeddings added.
  rect(32, tokens - 54, 158, 104, "box green");
  const marks = [
    ["iou_token", sides("mask_decoder.iou_token")[0], "box green full"],
    ["mask_tokens", sides("mask_decoder.mask_tokens")[0], "box green full soft"],
    ["sparse", sides("prompt_encoder.sparse_embeddings")[1], "box orange full"],
  ];
  for (const [n, [name, many, kind]] of marks.entries()) {
    text(44, tokens - 32 + n * 22, name, "path");
    for (let k = 0; k < many; k++) rect(126 + k * 15, tokens - 42 + n * 22, 12, 12, kind, 2);
  }
  module("mask_decoder.iou_token");
  module("mask_decoder.mask_tokens");
  text(44, tokens + 36, `tokens ${shapeB("mask_decoder.tokens")}`, "shape");

  // The two-way layers, as cards one behind the other.
  const [left, right] = [292, 708];
  const layers = countOf("mask_decoder.transformer.layers");
  for (let n = 0; n < layers; n++) {
    const offset = 6 * (layers - 1 - n);
    rect(left + offset, 522 - offset, right - left, 238, "box green", 8);
    module(`mask_decoder.transformer.layers.${n}`);
  }
  const each = "mask_decoder.transformer.layers.0";
  text(left + 12, 542, `transformer.layers, ${layers} x ${size(each)}`, "path");
  const part = (x, y, width, name, norm, lines = [name]) =>
    box(x, y - 30, width, 60, "green", `${each}.${name}`, [...lines, `+ ${norm}`]);
  part(304, tokens, 76, "self_attn", "norm1");
  part(394, tokens, 108, "cross_attn_token_to_image", "norm2", ["cross_attn_", "token_to_image"]);
  part(516, tokens, 64, "mlp", "norm3");
  part(590, image, 108, "cross_attn_image_to_token", "norm4", ["cross_attn_", "image_to_token"]);
  text(left + 12, 750, "Each part adds to what it gets; the first self_attn takes its place.", "note");
  const transformer = "mask_decoder.transformer";
  const final = ["final_attn_", "token_to_image", "+ norm_", "final_attn"];
  box(728, tokens - 36, 108, 72, "green", `${transformer}.final_attn_token_to_image`, final);
  module(`${transformer}.norm_final_attn`);

  // The two lanes, and what goes from one to the other.
  arrow([DENSE, sum + 9], [DENSE, image], [586, image]);
  text(left + 12, image - 8, `keys ${shapeB(`${each}.keys`)}`, "shape");
  for (const [from, to] of [[190, 300], [380, 390], [502, 512], [580, 724]]) arrow([from, tokens], [to, tokens]); // prettier-ignore
  text(left - 96, tokens - 8, "queries", "shape");
  arrow([448, image], [448, tokens - 34]);
  arrow([644, tokens], [644, image + 34]);
  arrow([748, image], [748, tokens - 40]);

  // The heads, and what comes out.
  const [heads, product, scores] = [914, 635, 776];
  arrow([698, image], [852, image]);
  box(856, image - 24, 116, 48, "green", "mask_decoder.output_upscaling");
  text(heads, image + 17, shapeB("mask_decoder.output_upscaling"), "shape middle");
  arrow([836, tokens], [852, tokens]);
  arrow([844, tokens], [844, scores], [852, scores]);
  box(856, tokens - 30, 116, 60, "green", "mask_decoder.output_hypernetworks_mlps", [
    "output_hyper",
    "networks_mlps",
    "",
  ]);
  text(heads, tokens + 20, shapeB("mask_decoder.hyper_in"), "shape middle");
  box(856, scores - 22, 116, 44, "green", "mask_decoder.iou_prediction_head", ["iou_prediction", "_head"]);
  arrow([heads, image + 28], [heads, product - 13]);
  arrow([heads, tokens - 34], [heads, product + 13]);
  plus(heads, product, "×");
  arrow([heads - 13, product], [heads - 31, product]);
  text(heads - 36, product - 3, "masks, logits", "strong end");
  text(heads - 36, product + 12, shapeB("mask_decoder.all_masks"), "shape end");
  arrow([heads, scores + 22], [heads, scores + 34]);
  text(
    heads,
    scores + 50,
    `scores <tspan class="shape">${shapeB("mask_decoder.all_iou_predictions")}</tspan>`,
    "strong middle",
  );
}

// What it is.
text(560, 306, "MedSAM", "name");
text(560, 328, `SAM ${configName(VIT_B)}, ${size("")} parameters`);
text(560, 350, "B prompts on one image. MedSAM takes the first", "note");
text(560, 366, "of the masks: multimask_output=False.", "note");
text(560, 388, "Shapes are PyTorch's; names are the state_dict's.", "note");

write(process.argv[2] ?? fileURLToPath(new URL("../docs/images/architecture.svg", import.meta.url)), {
  label: "MedSAM's architecture",
  width: 1000,
  height: 856,
});
