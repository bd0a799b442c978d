import * as tf from "@tensorflow/tfjs";
import type { ParamScope } from "../weights/paramScope.js";
import { Layer } from "./layer.js";
import { Linear } from "./linear.js";

/** Sizes of a `TokenAttention`. */
export interface TokenAttentionConfig {
  readonly embeddingDim: number;
  readonly numHeads: number;
  /** The inner width is `embeddingDim / downsampleRate`; default 1. */
  readonly downsampleRate?: number;
}

/**
 * Multi-head attention between two sets of tokens: q [B, N, C], k and v [B, M, C] give [B, N, C].
 *
 * @see segment_anything/modeling/transformer.py, `Attention`
 */
export class TokenAttention extends Layer<[q: tf.Tensor, k: tf.Tensor, v: tf.Tensor]> {
  qProj: Layer;
  kProj: Layer;
  vProj: Layer;
  outProj: Layer;
  readonly numHeads: number;

  constructor(params: ParamScope, { embeddingDim, numHeads, downsampleRate = 1 }: TokenAttentionConfig) {
    super();
    const inner = embeddingDim / downsampleRate;
    const inwards = { inFeatures: embeddingDim, outFeatures: inner };
    this.qProj = new Linear(params.at("q_proj"), inwards);
    this.kProj = new Linear(params.at("k_proj"), inwards);
    this.vProj = new Linear(params.at("v_proj"), inwards);
    this.outProj = new Linear(params.at("out_proj"), { inFeatures: inner, outFeatures: embeddingDim });
    this.numHeads = numHeads;
  }

  forward(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor): tf.Tensor {
    const queries = this.tap("q", this.separateHeads(this.qProj.call(q))); // [B, heads, N, d]
    const keys = this.tap("k", this.separateHeads(this.kProj.call(k))); // [B, heads, M, d]
    const values = this.tap("v", this.separateHeads(this.vProj.call(v)));
    const scale = 1 / Math.sqrt(queries.shape[3]);
    const scores = this.tap("scores", tf.matMul(queries, keys, false, true).mul(scale)); // [B, heads, N, M]
    const attended = tf.matMul(scores.softmax(), values); // [B, heads, N, d]
    const [batch, heads, tokens, dim] = attended.shape;
    const joined = attended.transpose([0, 2, 1, 3]).reshape([batch, tokens, heads * dim]);
    return this.outProj.call(this.tap("heads", joined));
  }

  private separateHeads(x: tf.Tensor): tf.Tensor4D {
    const [batch, tokens, inner] = x.shape;
    return x.reshape([batch, tokens, this.numHeads, inner / this.numHeads]).transpose([0, 2, 1, 3]);
  }
}
