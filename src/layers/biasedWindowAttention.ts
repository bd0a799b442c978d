import * as tf from "@tensorflow/tfjs";
import { ZEROS } from "../weights/initial.js";
import type { Parameter, ParamScope } from "../weights/paramScope.js";
import { Layer } from "./layer.js";
import { Linear } from "./linear.js";
import { LayerNorm } from "./norm.js";

/** Sizes of a `BiasedWindowAttention`. */
export interface BiasedWindowAttentionConfig {
  readonly dim: number;
  readonly numHeads: number;
  /** Side of a window in tokens. */
  readonly windowSize: number;
}

/**
 * Attention inside windows with a learned bias for each distance between tokens; the norm comes first, so tokens
 * that pad a window are its bias. Windows [B, w², dim] give the same.
 *
 * @see tiny_vit_sam.py, `Attention`
 */
export class BiasedWindowAttention extends Layer {
  norm: Layer;
  qkv: Layer;
  proj: Layer;
  /** [heads, w²], the bias of tokens |Δrow| rows and |Δcolumn| columns apart, at `|Δrow|·w + |Δcolumn|`. */
  attentionBiases: Parameter;
  readonly numHeads: number;
  readonly windowSize: number;

  constructor(params: ParamScope, { dim, numHeads, windowSize }: BiasedWindowAttentionConfig) {
    super();
    this.norm = new LayerNorm(params.at("norm"), { dim, eps: 1e-5 });
    this.qkv = new Linear(params.at("qkv"), { inFeatures: dim, outFeatures: 3 * dim });
    this.proj = new Linear(params.at("proj"), { inFeatures: dim, outFeatures: dim });
    this.attentionBiases = params.get("attention_biases", [numHeads, windowSize ** 2], ZEROS);
    this.numHeads = numHeads;
    this.windowSize = windowSize;
  }

  forward(x: tf.Tensor): tf.Tensor {
    const [batch, tokens, dim] = x.shape;
    const headDim = dim / this.numHeads;
    // Unlike SAM's, the features are ordered head first, then q, k, v.
    const parted = this.qkv
      .call(this.norm.call(x))
      .reshape([batch, tokens, this.numHeads, 3 * headDim])
      .transpose([0, 2, 1, 3]); // [B, heads, w², 3·d]
    const [q, k, v] = [0, 1, 2].map((n) => parted.slice([0, 0, 0, n * headDim], [-1, -1, -1, headDim]));
    const products = tf.matMul(q, k, false, true).mul(1 / Math.sqrt(headDim));
    const scores = this.tap("scores", products.add(this.biases())); // [B, heads, w², w²]
    const attended = tf.matMul(scores.softmax(), v).transpose([0, 2, 1, 3]); // [B, w², heads, d]
    return this.proj.call(attended.reshape([batch, tokens, dim]));
  }

  /** [heads, w², w²]. */
  private biases(): tf.Tensor {
    const side = this.windowSize;
    const count = side ** 2;
    const distances = Int32Array.from({ length: count ** 2 }, (_, n) => {
      const [from, to] = [Math.floor(n / count), n % count];
      const rows = Math.abs(Math.floor(from / side) - Math.floor(to / side));
      return rows * side + Math.abs((from % side) - (to % side));
    });
    const table = tf.gather(this.attentionBiases.value, tf.tensor1d(distances, "int32"), 1);
    return table.reshape([this.numHeads, count, count]);
  }
}
