import type * as tf from "@tensorflow/tfjs";
import { attention, attentionScores, Scores, scoresFit } from "../ops/attention.js";
import type { ParamScope } from "../weights/paramScope.js";
import { Layer } from "./layer.js";
import { Linear } from "./linear.js";

/** Sizes of a `TokenAttention`. */
export interface TokenAttentionConfig {
  readonly embeddingDim: number;
  readonly numHeads: number;
  /** The inner width is `embeddingDim / downsampleRate`; default 1. */
  readonly downsampleRate?: number;
  /** Width of keys and values before their projections; default `embeddingDim`. */
  readonly kvInDim?: number;
}

/** Queries [B, heads, N, d] and keys [B, heads, M, d] of all heads. */
export interface QueriesAndKeys {
  readonly queries: tf.Tensor;
  readonly keys: tf.Tensor;
}

/**
 * Multi-head attention between two sets of tokens: q [B, N, C], k and v [B, M, kvInDim] give [B, N, C].
 *
 * @see segment_anything/modeling/transformer.py, `Attention`; sam2/modeling/sam/transformer.py, `Attention`
 */
export class TokenAttention<Rest extends readonly unknown[] = []> extends Layer<
  [q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, ...Rest]
> {
  qProj: Layer;
  kProj: Layer;
  vProj: Layer;
  outProj: Layer;
  readonly numHeads: number;

  constructor(
    params: ParamScope,
    { embeddingDim, numHeads, downsampleRate = 1, kvInDim = embeddingDim }: TokenAttentionConfig,
  ) {
    super();
    const inner = embeddingDim / downsampleRate;
    this.qProj = new Linear(params.at("q_proj"), { inFeatures: embeddingDim, outFeatures: inner });
    this.kProj = new Linear(params.at("k_proj"), { inFeatures: kvInDim, outFeatures: inner });
    this.vProj = new Linear(params.at("v_proj"), { inFeatures: kvInDim, outFeatures: inner });
    this.outProj = new Linear(params.at("out_proj"), { inFeatures: inner, outFeatures: embeddingDim });
    this.numHeads = numHeads;
  }

  forward(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, ...rest: Rest): tf.Tensor {
    const { queries, keys } = this.positioned(
      { queries: this.separateHeads(this.qProj.call(q)), keys: this.separateHeads(this.kProj.call(k)) },
      ...rest,
    );
    const values = this.separateHeads(this.vProj.call(v)); // [B, heads, M, d]
    this.tap("q", queries);
    this.tap("k", keys);
    this.tap("v", values);

    const [batch, heads, tokens, dim] = queries.shape;
    const [, , keyTokens] = keys.shape;
    const groups = batch * heads;
    const q3 = queries.reshape<tf.Tensor3D>([groups, tokens, dim]);
    const k3 = keys.reshape<tf.Tensor3D>([groups, keyTokens, dim]);
    const v3 = values.reshape<tf.Tensor3D>([groups, keyTokens, dim]);
    this.announce("scores", () =>
      scoresFit(groups, tokens, keyTokens)
        ? attentionScores({ q: q3, k: k3 }).reshape([batch, heads, tokens, keyTokens])
        : new Scores({ q: q3, k: k3 }),
    );
    const attended = attention({ q: q3, k: k3, v: v3 }).reshape([batch, heads, tokens, dim]);
    const joined = attended.transpose([0, 2, 1, 3]).reshape([batch, tokens, heads * dim]);
    return this.outProj.call(this.tap("heads", joined));
  }

  /** Where a subclass gives queries and keys their positions. */
  protected positioned(...[heads]: [heads: QueriesAndKeys, ...rest: Rest]): QueriesAndKeys {
    return heads;
  }

  private separateHeads(x: tf.Tensor): tf.Tensor4D {
    const [batch, tokens, inner] = x.shape;
    const parts = x.reshape<tf.Tensor4D>([batch, tokens, this.numHeads, inner / this.numHeads]);
    return parts.transpose([0, 2, 1, 3]);
  }
}
