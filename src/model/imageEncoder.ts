import type * as tf from "@tensorflow/tfjs";
import { Gelu } from "../layers/activation.js";
import { GridAttention } from "../layers/gridAttention.js";
import { layerWith, type Layer } from "../layers/layer.js";
import { MlpBlock } from "../layers/mlp.js";
import { LayerNorm } from "../layers/norm.js";
import { PatchEmbed } from "../layers/patchEmbed.js";
import { windowPartition, windowUnpartition } from "../layers/windows.js";
import { ZEROS } from "../weights/initial.js";
import type { Parameter, ParamScope } from "../weights/paramScope.js";
import { gridSize, type SamConfig, type ViTSizes } from "./config.js";
import { makeNeck, SteppedEncoder } from "./steppedEncoder.js";

const EPS = 1e-6;

/** Sizes of an `EncoderBlock`. */
export interface EncoderBlockConfig {
  readonly dim: number;
  readonly numHeads: number;
  readonly mlpRatio: number;
  /** Side of the windows in tokens; 0 attends over the whole grid. */
  readonly windowSize: number;
  /** The whole grid, which the position tables of a global block are made for. */
  readonly inputSize: readonly [height: number, width: number];
}

/** Children of an `EncoderBlock`: read as what it builds, to be replaced by any layer. */
export interface EncoderBlockChildren {
  norm1: Layer;
  norm2: Layer;
  /** Over windows or the whole grid. */
  get attn(): GridAttention;
  /** Any layer takes its place. */
  set attn(layer: Layer);
  /** Of each token by itself. */
  get mlp(): MlpBlock;
  /** Any layer takes its place. */
  set mlp(layer: Layer);
}

/**
 * Transformer block on a grid of tokens: `x + attn(norm1(x))`, then `x + mlp(norm2(x))`; attention inside
 * windows or over the whole grid. [B, H, W, dim] gives [B, H, W, dim].
 *
 * Tokens that pad a window are zero after `norm1` and are not masked: they carry the bias of `qkv` as keys and
 * values, as upstream.
 *
 * @see segment_anything/modeling/image_encoder.py, `Block`
 */
export class EncoderBlock extends layerWith<EncoderBlockChildren>() {
  /** 0 attends over the whole grid. It may be changed: tables of relative positions are interpolated. */
  windowSize: number;

  constructor(params: ParamScope, { dim, numHeads, mlpRatio, windowSize, inputSize }: EncoderBlockConfig) {
    super();
    this.windowSize = windowSize;
    this.norm1 = new LayerNorm(params.at("norm1"), { dim, eps: EPS });
    this.attn = new GridAttention(params.at("attn"), {
      dim,
      numHeads,
      inputSize: windowSize === 0 ? inputSize : [windowSize, windowSize],
    });
    this.norm2 = new LayerNorm(params.at("norm2"), { dim, eps: EPS });
    this.mlp = new MlpBlock(params.at("mlp"), {
      dim,
      hiddenDim: Math.round(dim * mlpRatio),
      act: new Gelu(),
    });
  }

  forward(x: tf.Tensor): tf.Tensor {
    const { norm1, norm2, mlp } = this;
    const attended = x.add(this.attend(this.checked(norm1, norm1.call(x), x.shape)));
    const normed = this.checked(norm2, norm2.call(attended), x.shape);
    return attended.add(this.checked(mlp, mlp.call(normed), x.shape));
  }

  private attend(x: tf.Tensor): tf.Tensor {
    const { attn, windowSize } = this;
    if (windowSize === 0) return this.checked(attn, attn.call(x), x.shape);
    const [, height, width] = x.shape;
    const windows = windowPartition(x, windowSize); // [B·windows, size, size, dim]
    return windowUnpartition(this.checked(attn, attn.call(windows), windows.shape), [height, width]);
  }
}

/**
 * The vision transformer: images [B, S, S, 3] give embeddings [B, S/patch, S/patch, promptEmbedDim].
 *
 * @see segment_anything/modeling/image_encoder.py, `ImageEncoderViT`
 */
export class ImageEncoder<Blocks extends EncoderBlock[] = EncoderBlock[]> extends SteppedEncoder {
  patchEmbed: Layer;
  /** Absolute positions, [1, grid, grid, embedDim]. */
  posEmbed: Parameter;
  /** Others may be put there through a list of any layers: `const blocks: Layer[] = encoder.blocks`. */
  blocks: Blocks;
  neck: Layer;

  constructor(params: ParamScope, sizes: ViTSizes, config: SamConfig) {
    super();
    const { embedDim, depth, numHeads, mlpRatio, windowSize, globalAttnIndexes } = sizes;
    const { patchSize, promptEmbedDim } = config;
    const grid = gridSize(config);
    this.patchEmbed = new PatchEmbed(params.at("patch_embed"), { patchSize, inChannels: 3, embedDim });
    this.posEmbed = params.get("pos_embed", [1, grid, grid, embedDim], ZEROS);
    const blocks = Array.from({ length: depth }, (_, index) => {
      return new EncoderBlock(params.at("blocks").at(index), {
        dim: embedDim,
        numHeads,
        mlpRatio,
        windowSize: globalAttnIndexes.includes(index) ? 0 : windowSize,
        inputSize: [grid, grid],
      });
    });
    this.blocks = blocks as Blocks;
    this.neck = makeNeck(params.at("neck"), embedDim, promptEmbedDim);
  }

  protected stem(images: tf.Tensor): tf.Tensor {
    const [, ...grid] = this.posEmbed.shape;
    const patches = this.checked(this.patchEmbed, this.patchEmbed.call(images), [images.shape[0], ...grid]);
    return this.tap("tokens", patches.add(this.posEmbed.value));
  }

  protected stages(): readonly Layer[] {
    return this.blocks;
  }
}
