import * as tf from "@tensorflow/tfjs";
import { gridAttention, gridScores, Scores, scoresFit, type RelativePositions } from "../ops/attention.js";
import { resizeRows } from "../ops/resize.js";
import { ZEROS } from "../weights/initial.js";
import type { Parameter, ParamScope } from "../weights/paramScope.js";
import { Layer } from "./layer.js";
import { Linear } from "./linear.js";

/** Sizes of a `GridAttention`; `dim` is the width of all heads together. */
export interface GridAttentionConfig {
  readonly dim: number;
  readonly numHeads: number;
  /** Rows and columns that the relative position tables are made for. */
  readonly inputSize: readonly [height: number, width: number];
}

/**
 * Multi-head attention of all tokens of a grid to each other, with decomposed relative positions.
 * x [B, H, W, dim] gives [B, H, W, dim]. Tables made for another grid than H x W are interpolated.
 *
 * @see segment_anything/modeling/image_encoder.py, `Attention`, `get_rel_pos`
 */
export class GridAttention extends Layer {
  qkv: Layer;
  proj: Layer;
  /** Offsets between rows, [2·height - 1, dim/numHeads]; shared by all heads. */
  relPosH: Parameter;
  /** Offsets between columns, [2·width - 1, dim/numHeads]. */
  relPosW: Parameter;
  readonly numHeads: number;

  constructor(params: ParamScope, { dim, numHeads, inputSize: [height, width] }: GridAttentionConfig) {
    super();
    const headDim = dim / numHeads;
    this.numHeads = numHeads;
    this.qkv = new Linear(params.at("qkv"), { inFeatures: dim, outFeatures: 3 * dim });
    this.proj = new Linear(params.at("proj"), { inFeatures: dim, outFeatures: dim });
    this.relPosH = params.get("rel_pos_h", [2 * height - 1, headDim], ZEROS);
    this.relPosW = params.get("rel_pos_w", [2 * width - 1, headDim], ZEROS);
  }

  forward(x: tf.Tensor): tf.Tensor {
    const [batch, height, width, dim] = x.shape;
    const [heads, tokens] = [this.numHeads, height * width];
    const headDim = dim / heads;

    // Heads before images: one plain transpose of three axes parts q, k, v and the heads at once.
    const parted = this.qkv
      .call(x)
      .reshape([batch * tokens, 3 * heads, headDim])
      .transpose([1, 0, 2]) // [3·heads, B·N, d]
      .reshape<tf.Tensor3D>([3 * heads * batch, tokens, headDim]);
    const groups = heads * batch;
    const [q, k, v] = [0, 1, 2].map((n) => parted.slice([n * groups, 0, 0], [groups, -1, -1])); // [heads·B, N, d]
    const upstream = (t: tf.Tensor) => headsLast(t, heads, batch);
    this.tap("q", q, upstream);
    this.tap("k", k, upstream);
    this.tap("v", v, upstream);

    const positions = this.relativePositions(q, [height, width]);
    this.announce("scores", () =>
      scoresFit(groups, tokens)
        ? upstream(gridScores({ q, k }, positions))
        : new Scores({ q, k, ...positions }, (g) => (g % heads) * batch + Math.floor(g / heads)),
    );
    const attended = gridAttention({ q, k, v }, positions) // [heads·B, N, d]
      .reshape([heads, batch * tokens, headDim])
      .transpose([1, 0, 2]) // [B·N, heads, d]
      .reshape([batch, height, width, dim]);
    return this.proj.call(this.tap("heads", attended));
  }

  /** What each query adds to the scores by key row and key column, from the unscaled q [G, H·W, d]. */
  private relativePositions(q: tf.Tensor3D, [height, width]: readonly [number, number]): RelativePositions {
    const [groups, tokens, dim] = q.shape;
    const grid = q.reshape<tf.Tensor4D>([groups, height, width, dim]);
    // Queries of one row share their table of offsets: rows outermost, then one product a row.
    const byRow = grid.transpose([1, 0, 2, 3]).reshape<tf.Tensor3D>([height, groups * width, dim]);
    const rows = tf
      .matMul(byRow, offsets(this.relPosH.value as tf.Tensor, height), false, true) // [H, G·W, H]
      .reshape([height, groups, width, height])
      .transpose([1, 0, 2, 3])
      .reshape<tf.Tensor3D>([groups, tokens, height]);
    const byColumn = grid.transpose([2, 0, 1, 3]).reshape<tf.Tensor3D>([width, groups * height, dim]);
    const columns = tf
      .matMul(byColumn, offsets(this.relPosW.value as tf.Tensor, width), false, true) // [W, G·H, W]
      .reshape([width, groups, height, width])
      .transpose([1, 2, 0, 3])
      .reshape<tf.Tensor3D>([groups, tokens, width]);
    return { rows, columns };
  }
}

/** Table of offsets [L, d] laid out by query and key: [size, size, d], entry (i, j) is row i - j + size - 1. */
function offsets(table: tf.Tensor, size: number): tf.Tensor3D {
  const index = Int32Array.from(
    { length: size * size },
    (_, n) => Math.floor(n / size) - (n % size) + size - 1,
  );
  const fitting = resizeRows(table as tf.Tensor2D, 2 * size - 1);
  return tf.gather(fitting, tf.tensor1d(index, "int32")).reshape([size, size, -1]);
}

/** [heads·B, N, d] in the order of PyTorch's code, [B·heads, N, d]. */
function headsLast(t: tf.Tensor, heads: number, batch: number): tf.Tensor {
  const [, tokens, dim] = t.shape;
  return t
    .reshape([heads, batch, tokens, dim])
    .transpose([1, 0, 2, 3])
    .reshape([batch * heads, tokens, dim]);
}
