import * as tf from "@tensorflow/tfjs";
import { recompute } from "./autograd.js";

/** Queries [G, N, d], keys and values [G, M, d] of all heads: every one of the G groups attends by itself. */
export interface Heads {
  readonly q: tf.Tensor3D;
  readonly k: tf.Tensor3D;
  readonly v: tf.Tensor3D;
}

type QueriesAndKeys = Pick<Heads, "q" | "k">;

/** Scores before the softmax, [G, N, M]: `q·kᵀ/√d`. */
export function attentionScores({ q, k }: QueriesAndKeys): tf.Tensor3D {
  return tf.tidy(() => tf.matMul(q, k, false, true).mul(1 / Math.sqrt(q.shape[2])));
}

/** Attention, readable form: the definition. All scores exist at once. Gives [G, N, d]. */
export function attentionPlain(heads: Heads): tf.Tensor3D {
  return tf.tidy(() => tf.matMul(attentionScores(heads).softmax(), heads.v));
}

/** The same in blocks of one group and at most `blockRows` queries. */
export function attentionBlocked(heads: Heads, blockRows: number): tf.Tensor3D {
  return inBlocks(heads, [], blockRows, attendBlock);
}

/** Attention, in the form that fits the size. Gives [G, N, d]. */
export function attention(heads: Heads): tf.Tensor3D {
  const [, tokens] = heads.q.shape;
  return scoresFit(1, tokens, heads.k.shape[1]) ? attentionPlain(heads) : attentionBlocked(heads, BLOCK_ROWS);
}

/** What `n` scaled queries of one group get from all M: keys [d, M], values [M, d] and queries [n, d] give [n, d]. */
function attendBlock(...[keys, values, queries]: tf.Tensor[]): tf.Tensor {
  return tf.matMul(tf.softmax(tf.matMul(queries, keys)), values);
}

/**
 * Attention in blocks: one group and at most `blockRows` queries at a time, so that memory is bounded by one block's
 * scores, in training too, and every product is of two plain matrices, which WASM's fast library wants.
 *
 * @param byQuery what a block needs besides its queries, [G, N, …] each.
 * @param attend gets keys [d, M], values [M, d], scaled queries [n, d] and those of `byQuery`; gives [n, d].
 */
function inBlocks(
  { q, k, v }: Heads,
  byQuery: readonly tf.Tensor3D[],
  blockRows: number,
  attend: (...inputs: tf.Tensor[]) => tf.Tensor,
): tf.Tensor3D {
  return tf.tidy(() => {
    const [groups, tokens, dim] = q.shape;
    const scaled = q.mul<tf.Tensor3D>(1 / Math.sqrt(dim));
    const blocks: tf.Tensor[] = [];
    for (let group = 0; group < groups; group++) {
      const attended = tf.tidy(() => {
        const groupOf = (x: tf.Tensor3D) =>
          x.slice([group, 0, 0], [1, -1, -1]).reshape<tf.Tensor2D>([x.shape[1], -1]);
        const rows = [scaled, ...byQuery].map(groupOf); // [N, d], and the others
        const keys = groupOf(k).transpose<tf.Tensor2D>(); // [d, M]
        const values = groupOf(v); // [M, d]
        const parts: tf.Tensor[] = [];
        for (let start = 0; start < tokens; start += blockRows) {
          const count = Math.min(blockRows, tokens - start);
          const block = tf.tidy(() => {
            const ofBlock = rows.map((x) => x.slice([start, 0], [count, -1]));
            return recompute(attend, [keys, values, ...ofBlock]);
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

/** The same in blocks of one group and at most `blockRows` queries. */
export function gridAttentionBlocked(
  heads: Heads,
  { rows, columns }: RelativePositions,
  blockRows: number,
): tf.Tensor3D {
  return inBlocks(heads, [rows, columns], blockRows, (keys, values, queries, ofRows, ofColumns) =>
    tf.matMul(tf.softmax(gridScoresOfBlock(keys, queries, ofRows, ofColumns)), values),
  );
}

/** The scores of a block, [n, N]: keys [d, N], scaled queries [n, d], and their positions [n, H] and [n, W]. */
function gridScoresOfBlock(
  keys: tf.Tensor,
  queries: tf.Tensor,
  rows: tf.Tensor,
  columns: tf.Tensor,
): tf.Tensor {
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

/** Whether all scores of so many groups, queries and keys may exist at once. */
export function scoresFit(groups: number, queries: number, keys = queries): boolean {
  return groups * queries * keys * 4 <= PLAIN_SCORES_LIMIT;
}

/** Scores before the softmax, [G, N, M], computed a few rows at a time: for those who look at them. */
export class Scores {
  readonly shape: readonly [groups: number, rows: number, columns: number];

  /** @param tensors stay the caller's. @param groupAt which of their groups a group of this value is. */
  constructor(
    private readonly tensors: QueriesAndKeys & Partial<RelativePositions>,
    private readonly groupAt: (group: number) => number = (group) => group,
  ) {
    const { q, k } = tensors;
    this.shape = [q.shape[0], q.shape[1], k.shape[1]];
  }

  /** Rows of one group, [count, M]. */
  rows(group: number, start: number, count: number): tf.Tensor2D {
    const { q, k, rows, columns } = this.tensors;
    const part = (x: tf.Tensor3D, first = start, length = count) =>
      x.slice([this.groupAt(group), first, 0], [1, length, -1]).reshape<tf.Tensor2D>([length, -1]);
    return tf.tidy(() => {
      const queries = part(q).mul<tf.Tensor2D>(1 / Math.sqrt(q.shape[2]));
      const keys = part(k, 0, k.shape[1]).transpose<tf.Tensor2D>();
      return rows === undefined || columns === undefined
        ? tf.matMul(queries, keys)
        : (gridScoresOfBlock(keys, queries, part(rows), part(columns)) as tf.Tensor2D);
    });
  }

  /** The same with tensors of its own, to be read later; its taker frees it. */
  keep(): Scores & { dispose(): void } {
    const entries = Object.entries(this.tensors) as [string, tf.Tensor][];
    const own = Object.fromEntries(entries.map(([name, tensor]) => [name, tf.keep(tensor.clone())]));
    const kept = new Scores(own as unknown as typeof this.tensors, this.groupAt);
    return Object.assign(kept, { dispose: () => tf.dispose(own) });
  }
}

/** Attention on a grid, in the form that fits backend and size. Gives [G, N, d]. */
export function gridAttention(heads: Heads, positions: RelativePositions): tf.Tensor3D {
  const [groups, tokens] = heads.q.shape;
  return scoresFit(groups, tokens)
    ? gridAttentionPlain(heads, positions)
    : gridAttentionBlocked(heads, positions, BLOCK_ROWS);
}
