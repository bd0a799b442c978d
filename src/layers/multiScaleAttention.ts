import * as tf from "@tensorflow/tfjs";
import { attention, attentionScores, Scores, scoresFit } from "../ops/attention.js";
import type { ParamScope } from "../weights/paramScope.js";
import { Layer } from "./layer.js";
import { Linear } from "./linear.js";

/** Sizes of a `MultiScaleAttention`. */
export interface MultiScaleAttentionConfig {
  readonly dim: number;
  readonly dimOut: number;
  readonly numHeads: number;
  /** Queries are the largest of every `qStride` x `qStride` tokens; default 1, all of them. */
  readonly qStride?: number;
}

/**
 * Multi-head attention of the tokens of a grid, with fewer queries than keys where the grid shrinks:
 * [B, H, W, dim] gives [B, H/qStride, W/qStride, dimOut].
 *
 * @see sam2/modeling/backbones/hieradet.py, `MultiScaleAttention`
 */
export class MultiScaleAttention extends Layer {
  qkv: Layer;
  proj: Layer;
  readonly numHeads: number;
  readonly qStride: number;

  constructor(params: ParamScope, { dim, dimOut, numHeads, qStride = 1 }: MultiScaleAttentionConfig) {
    super();
    this.qkv = new Linear(params.at("qkv"), { inFeatures: dim, outFeatures: 3 * dimOut });
    this.proj = new Linear(params.at("proj"), { inFeatures: dimOut, outFeatures: dimOut });
    this.numHeads = numHeads;
    this.qStride = qStride;
  }

  forward(x: tf.Tensor): tf.Tensor {
    const [batch, height, width] = x.shape;
    const { numHeads: heads, qStride } = this;
    const tokens = height * width;
    const qkv = this.qkv.call(x); // [B, H, W, 3·dimOut]
    const dimOut = qkv.shape[3]! / 3;
    const dim = dimOut / heads;
    const groups = heads * batch;
    // Heads before images: one plain transpose of three axes parts q, k, v and the heads at once.
    const parted = qkv
      .reshape([batch * tokens, 3 * heads, dim])
      .transpose([1, 0, 2]) // [3·heads, B·N, d]
      .reshape<tf.Tensor3D>([3 * groups, tokens, dim]);
    const [all, k, v] = [0, 1, 2].map((n) => parted.slice([n * groups, 0, 0], [groups, -1, -1])); // [heads·B, N, d]
    const pooled = maxPool(all.reshape<tf.Tensor4D>([groups, height, width, dim]), qStride);
    const [, rows, columns] = pooled.shape;
    const queries = rows * columns;
    const q = pooled.reshape<tf.Tensor3D>([groups, queries, dim]);
    const upstream = (t: tf.Tensor) => headsSecond(t, heads, batch);
    this.tap("q", q, upstream);
    this.tap("k", k, upstream);
    this.tap("v", v, upstream);
    this.announce("scores", () =>
      scoresFit(groups, queries, tokens)
        ? upstream(attentionScores({ q, k }))
        : new Scores({ q, k }, (g) => (g % heads) * batch + Math.floor(g / heads)),
    );

    const attended = attention({ q, k, v }) // [heads·B, n, d]
      .reshape([heads, batch * queries, dim])
      .transpose([1, 0, 2]) // [B·n, heads, d]
      .reshape([batch, rows, columns, dimOut]);
    return this.proj.call(this.tap("heads", attended));
  }
}

/** The largest of every `stride` x `stride` cells of maps [B, H, W, C]: [B, H/stride, W/stride, C]. */
export function maxPool(maps: tf.Tensor4D, stride: number): tf.Tensor4D {
  return stride === 1 ? maps : tf.maxPool(maps, stride, stride, "valid");
}

/** [heads·B, N, d] in the order of PyTorch's code, [B, heads, N, d]. */
function headsSecond(t: tf.Tensor, heads: number, batch: number): tf.Tensor {
  const [, tokens, dim] = t.shape;
  return t.reshape([heads, batch, tokens, dim]).transpose([1, 0, 2, 3]);
}
