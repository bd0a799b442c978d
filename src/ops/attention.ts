import * as tf from "@tensorflow/tfjs";
import { recompute } from "./autograd.js";

/** Queries, keys and values of all heads, [G, N, d] each: every one of the G groups attends by itself. */
export interface Heads {
  readonly q: tf.Tensor3D;
  readonly k: tf.Tensor3D;
  readonly v: tf.Tensor3D;
}

type QueriesAndKeys = Pick<Heads, "q" | "k">;

/**
 * Decomposed relative positions on a grid of H x W tokens: what a query adds to the score of each key row
 * (`rows` [G, N, H]) and key column (`columns` [G, N, W]); N = H·W.
 */
export interface RelativePositions {
  readonly rows: tf.Tensor3D;
  readonly columns: tf.Tensor3D;
}

/**
 * Scores before the softmax, [G, N, N]: `q·kᵀ/√d`, plus the relative positions of the key's row and column.
 *
 * @see segment_anything/modeling/image_encoder.py, `add_decomposed_rel_pos`
 */
export function gridScores({ q, k }: QueriesAndKeys, { rows, columns }: RelativePositions): tf.Tensor3D {
  return tf.tidy(() => {
    const [groups, tokens, dim] = q.shape;
    const products = tf.matMul(q.mul(1 / Math.sqrt(dim)), k, false, true); // [G, N, N]
    return products
      .reshape([groups, tokens, rows.shape[2], columns.shape[2]]) // [G, N, H, W]
      .add(rows.expandDims(3))
      .add(columns.expandDims(2))
      .reshape([groups, tokens, tokens]);
  });
}

/** Attention on a grid, readable form: the definition. All scores exist at once, G·N² numbers. Gives [G, N, d]. */
export function gridAttentionPlain(heads: Heads, positions: RelativePositions): tf.Tensor3D {
  return tf.tidy(() => tf.matMul(gridScores(heads, positions).softmax(), heads.v));
}

/**
 * The same in blocks: one group and at most `blockRows` queries at a time, so that memory is bounded by one
 * block's scores, in training too, and every product is of two plain matrices, which WASM's fast library wants.
 */
export function gridAttentionBlocked(
  { q, k, v }: Heads,
  { rows, columns }: RelativePositions,
  blockRows: number,
): tf.Tensor3D {
  return tf.tidy(() => {
    const [groups, tokens, dim] = q.shape;
    const scaled = q.mul<tf.Tensor3D>(1 / Math.sqrt(dim));
    const blocks: tf.Tensor[] = [];
    for (let group = 0; group < groups; group++) {
      const attended = tf.tidy(() => {
        const groupOf = (x: tf.Tensor3D) =>
          x.slice([group, 0, 0], [1, -1, -1]).reshape<tf.Tensor2D>([tokens, -1]);
        const byQuery = [groupOf(scaled), groupOf(rows), groupOf(columns)]; // [N, d], [N, H], [N, W]
        const keys = groupOf(k).transpose<tf.Tensor2D>(); // [d, N]
        const values = groupOf(v); // [N, d]
        const parts: tf.Tensor[] = [];
        for (let start = 0; start < tokens; start += blockRows) {
          const count = Math.min(blockRows, tokens - start);
          const block = tf.tidy(() => {
            const ofBlock = byQuery.map((x) => x.slice([start, 0], [count, -1]));
            return recompute(attendBlock, [keys, values, ...ofBlock]);
          });
          parts.push(block);
        }
        return tf.concat(parts, 0); // [N, d]
      });
      blocks.push(attended);
    }
    return tf.concat(blocks, 0).reshape<tf.Tensor3D>([groups, tokens, dim]);
  });
}

/**
 * What `n` scaled queries of one group get from all N: keys [d, N], values [N, d], queries [n, d], rows [n, H] and
 * columns [n, W] give [n, d].
 */
function attendBlock(...[keys, values, queries, rows, columns]: tf.Tensor[]): tf.Tensor {
  return tf.matMul(tf.softmax(scoresOfBlock(keys, queries, rows, columns)), values);
}

/** The scores of a block, [n, N]; arguments as for `attendBlock`. */
function scoresOfBlock(keys: tf.Tensor, queries: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor): tf.Tensor {
  return tf
    .matMul(queries, keys)
    .reshape([...rows.shape, -1]) // [n, H, W]
    .add(rows.expandDims(2))
    .add(columns.expandDims(1))
    .reshape([queries.shape[0], -1]);
}

/** Above this many bytes of scores the readable form is not taken. */
const PLAIN_SCORES_LIMIT = 64 * 2 ** 20;
const BLOCK_ROWS = 512;

/** Whether all scores of so many groups and tokens may exist at once. */
export function scoresFit(groups: number, tokens: number): boolean {
  return groups * tokens * tokens * 4 <= PLAIN_SCORES_LIMIT;
}

/** Scores before the softmax, [G, N, N], computed a few rows at a time: for those who look at them. */
export class GridScores {
  readonly shape: readonly [groups: number, rows: number, columns: number];

  /** @param tensors stay the caller's. @param groupAt which of their groups a group of this value is. */
  constructor(
    private readonly tensors: QueriesAndKeys & RelativePositions,
    private readonly groupAt: (group: number) => number,
  ) {
    const [groups, tokens] = tensors.q.shape;
    this.shape = [groups, tokens, tokens];
  }

  /** Rows of one group, [count, N]. */
  rows(group: number, start: number, count: number): tf.Tensor2D {
    const { q, k, rows, columns } = this.tensors;
    const [, tokens, dim] = q.shape;
    const part = (x: tf.Tensor3D, first = start, length = count) =>
      x.slice([this.groupAt(group), first, 0], [1, length, -1]).reshape<tf.Tensor2D>([length, -1]);
    return tf.tidy(() => {
      const queries = part(q).mul(1 / Math.sqrt(dim));
      return scoresOfBlock(part(k, 0, tokens).transpose(), queries, part(rows), part(columns)) as tf.Tensor2D;
    });
  }

  /** The same with tensors of its own, to be read later; its taker frees it. */
  keep(): GridScores & { dispose(): void } {
    const { q, k, rows, columns } = this.tensors;
    const own = { q: q.clone(), k: k.clone(), rows: rows.clone(), columns: columns.clone() };
    Object.values(own).forEach((tensor) => tf.keep(tensor));
    return Object.assign(new GridScores(own, this.groupAt), { dispose: () => tf.dispose(own) });
  }
}

/** Attention on a grid, in the form that fits backend and size. Gives [G, N, d]. */
export function gridAttention(heads: Heads, positions: RelativePositions): tf.Tensor3D {
  const [groups, tokens] = heads.q.shape;
  return scoresFit(groups, tokens)
    ? gridAttentionPlain(heads, positions)
    : gridAttentionBlocked(heads, positions, BLOCK_ROWS);
}
