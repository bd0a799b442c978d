import * as tf from "@tensorflow/tfjs";
import type { ValueByRows } from "../layers/layer.js";
import type { AnnouncedValue, Pick } from "./trace.js";

/** Cells of the encoder's grid. */
export interface Grid {
  readonly height: number;
  readonly width: number;
}

/** A cell of the grid, counted from 0 at the top left. */
export interface GridCell {
  readonly row: number;
  readonly column: number;
}

/** Where the tokens of an attention's scores [windows·heads, N, N] lie on the grid. */
interface Windows {
  /** Of a window, in tokens. */
  readonly side: number;
  /** Windows a row of windows. */
  readonly across: number;
  readonly count: number;
  readonly heads: number;
}

/** A window that holds the whole grid is a global block; others may reach over the grid's edge. */
function windowsOf(groups: number, tokens: number, { height, width }: Grid): Windows {
  const side = Math.sqrt(tokens);
  const isGlobal = tokens === height * width;
  const across = isGlobal ? 1 : Math.ceil(width / side);
  const count = isGlobal ? 1 : across * Math.ceil(height / side);
  if (!Number.isInteger(groups / count) || (!isGlobal && !Number.isInteger(side)))
    throw new RangeError(
      `scores [${groups}, ${tokens}, ${tokens}] do not belong to one image of ${height} x ${width} tokens`,
    );
  return { side: isGlobal ? width : side, across, count, heads: groups / count };
}

function rowsOf(value: AnnouncedValue, group: number, start: number, count: number): tf.Tensor2D {
  if (!(value instanceof tf.Tensor)) return value.rows(group, start, count);
  return value.slice([group, start, 0], [1, count, -1]).reshape([count, -1]);
}

/**
 * Picks where a cell looks in every head, from scores as `GridAttention` announces them for one image:
 * [heads, N] after the softmax, N the tokens of the cell's window, or of the whole grid.
 */
export function attentionOfCell(cell: GridCell, grid: Grid): Pick {
  return (value) => {
    const [groups, tokens] = value.shape;
    const { side, across, heads } = windowsOf(groups, tokens, grid);
    const window = Math.floor(cell.row / side) * across + Math.floor(cell.column / side);
    const token = (cell.row % side) * side + (cell.column % side);
    return tf.tidy(() => {
      const rows = Array.from({ length: heads }, (_, head) => rowsOf(value, window * heads + head, token, 1));
      return tf.concat(rows, 0).softmax();
    });
  };
}

/** Attention of one cell on the grid. */
export interface AttentionMap {
  readonly heads: number;
  /** Whether the cell looks at the whole grid, not at a window of it. */
  readonly isGlobal: boolean;
  /** [heads, height, width], each head's sum is 1 less what it gives to tokens that pad its window; 0 outside it. */
  readonly values: Float32Array;
}

/** Puts what `attentionOfCell` picked onto the grid. */
export function attentionMap(
  picked: { readonly shape: readonly number[]; readonly values: Float32Array },
  cell: GridCell,
  { height, width }: Grid,
): AttentionMap {
  const [heads, tokens] = picked.shape;
  if (tokens === height * width) return { heads, isGlobal: true, values: picked.values };
  const side = Math.sqrt(tokens);
  const [top, left] = [cell.row - (cell.row % side), cell.column - (cell.column % side)];
  const values = new Float32Array(heads * height * width);
  for (let head = 0; head < heads; head++)
    for (let y = 0; y < Math.min(side, height - top); y++)
      for (let x = 0; x < Math.min(side, width - left); x++)
        values[(head * height + top + y) * width + left + x] = picked.values[(head * side + y) * side + x];
  return { heads, isGlobal: false, values };
}

/** The mean of some heads' maps. */
export function meanOverHeads({ heads, values }: AttentionMap): Float32Array {
  const cells = values.length / heads;
  return Float32Array.from({ length: cells }, (_, cell) => {
    let sum = 0;
    for (let head = 0; head < heads; head++) sum += values[head * cells + cell];
    return sum / heads;
  });
}

/** Rows of scores that are turned into attention at a time. */
const ROWS = 512;

/** Picks all attention, averaged over heads: [windows, N, N]; for `attentionRollout`. */
export function attentionOverHeads(grid: Grid): Pick {
  return (value) => {
    const [groups, tokens] = value.shape;
    const { count, heads } = windowsOf(groups, tokens, grid);
    return tf.tidy(() => {
      if (value instanceof tf.Tensor) return value.softmax().reshape([count, heads, tokens, tokens]).mean(1);
      const windows = Array.from({ length: count }, (_, window) => meanOfWindow(value, window, heads));
      return tf.stack(windows);
    });
  };
}

function meanOfWindow(value: ValueByRows, window: number, heads: number): tf.Tensor {
  const [, tokens] = value.shape;
  const parts: tf.Tensor[] = [];
  for (let start = 0; start < tokens; start += ROWS) {
    const count = Math.min(ROWS, tokens - start);
    const part = tf.tidy(() => {
      let sum: tf.Tensor = tf.zeros([count, tokens]);
      for (let head = 0; head < heads; head++) {
        const next = tf.tidy(() => sum.add(value.rows(window * heads + head, start, count).softmax()));
        sum.dispose();
        sum = next;
      }
      return sum.div(heads);
    });
    parts.push(part);
  }
  return tf.concat(parts, 0);
}

/**
 * Attention rollout: which cells of the input a cell of the last block's output is made of, when every block is half
 * its attention's mean over heads and half the residual. What goes to tokens that pad windows is left out.
 *
 * @param blocks what `attentionOverHeads` picked of each block, first to last.
 * @returns a share for each cell of the grid, their sum is 1.
 * @see Abnar and Zuidema, Quantifying Attention Flow in Transformers (2020)
 */
export function attentionRollout(
  blocks: readonly { readonly shape: readonly number[]; readonly values: Float32Array }[],
  cell: GridCell,
  grid: Grid,
): Float32Array {
  const { height, width } = grid;
  let share = new Float32Array(height * width);
  share[cell.row * width + cell.column] = 1;
  for (const { shape, values } of blocks.toReversed()) {
    const [count, tokens] = shape;
    const { side, across } = windowsOf(count, tokens, grid);
    const next = new Float32Array(height * width);
    const cellOf = (window: number, token: number) => {
      const row = Math.floor(window / across) * side + Math.floor(token / side);
      const column = (window % across) * side + (token % side);
      return row < height && column < width ? row * width + column : -1;
    };
    for (let window = 0; window < count; window++) {
      const cells = Int32Array.from({ length: tokens }, (_, token) => cellOf(window, token));
      for (let from = 0; from < tokens; from++) {
        const own = cells[from] < 0 ? 0 : share[cells[from]];
        if (own === 0) continue;
        next[cells[from]] += own / 2;
        const row = (window * tokens + from) * tokens;
        for (let to = 0; to < tokens; to++)
          if (cells[to] >= 0) next[cells[to]] += (own / 2) * values[row + to];
      }
    }
    const total = next.reduce((sum, value) => sum + value, 0);
    share = next.map((value) => value / total);
  }
  return share;
}
