import * as tf from "@tensorflow/tfjs";
import { rotatePairs } from "../ops/rotary.js";
import type { ParamScope } from "../weights/paramScope.js";
import { TokenAttention, type QueriesAndKeys, type TokenAttentionConfig } from "./tokenAttention.js";

/** By how much the pairs of channels of each token are turned, [tokens, pairs], token after token, in radians. */
export type TokenAngles = Float32Array;

/**
 * Attention whose queries and keys are turned by their places on a square grid, so that scores depend on distances:
 * q [B, N, C], k and v [B, M, kvInDim] give [B, N, C]; N tokens are a grid, row by row. The keys are as many grids,
 * one after the other, and at their end `numKExcludeRope` that have no place and stay as they are.
 *
 * @see sam2/modeling/sam/transformer.py, `RoPEAttention`
 */
export class RotaryAttention extends TokenAttention<[numKExcludeRope?: number]> {
  /** Angles of a grid of `side` x `side` tokens for heads of `dim` channels. */
  angles: (side: number, dim: number) => TokenAngles = axialAngles;
  private known?: { readonly side: number; readonly cos: Float32Array; readonly sin: Float32Array };

  constructor(params: ParamScope, config: TokenAttentionConfig) {
    super(params, config);
  }

  protected override positioned({ queries, keys }: QueriesAndKeys, numKExcludeRope = 0): QueriesAndKeys {
    const [batch, heads, tokens, dim] = queries.shape;
    const [, , keyTokens] = keys.shape;
    const placed = keyTokens - numKExcludeRope;
    const side = Math.sqrt(tokens);
    if (!Number.isInteger(side) || placed % tokens !== 0)
      throw new RangeError(
        `rotary attention: ${tokens} queries and ${placed} keys with a place; expected the queries of a square grid, ` +
          "and keys of a whole number of such grids",
      );
    const table = this.tables(side, dim);
    const angles = { cos: tf.tensor2d(table.cos, [tokens, dim]), sin: tf.tensor2d(table.sin, [tokens, dim]) };
    const part = (start: number, count: number) => keys.slice([0, 0, start, 0], [batch, heads, count, dim]);
    const turned = rotatePairs(numKExcludeRope === 0 ? keys : part(0, placed), angles);
    return {
      queries: rotatePairs(queries, angles),
      keys: numKExcludeRope === 0 ? turned : tf.concat([turned, part(placed, numKExcludeRope)], 2),
    };
  }

  private tables(side: number, dim: number) {
    if (this.known?.side !== side) {
      const angles = this.angles(side, dim);
      const twice = (f: (angle: number) => number) => {
        const values = new Float32Array(2 * angles.length);
        angles.forEach((angle, n) => (values[2 * n] = values[2 * n + 1] = f(angle)));
        return values;
      };
      this.known = { side, cos: twice(Math.cos), sin: twice(Math.sin) };
    }
    return this.known;
  }
}

/**
 * The first half of the pairs turns by the column, the second by the row, each at its own speed,
 * `10000^(-4j/dim)` radians a token.
 *
 * @see sam2/modeling/position_encoding.py, `compute_axial_cis`
 */
export function axialAngles(side: number, dim: number): TokenAngles {
  const { fround } = Math; // single precision, as PyTorch: at 63 tokens the rounding shows
  const quarter = dim / 4;
  const speeds = Float32Array.from({ length: quarter }, (_, j) => 1 / fround(10000 ** fround((4 * j) / dim)));
  const angles = new Float32Array(side * side * 2 * quarter);
  for (let token = 0; token < side * side; token++) {
    const [row, column] = [Math.floor(token / side), token % side];
    for (let j = 0; j < quarter; j++) {
      angles[token * 2 * quarter + j] = column * speeds[j];
      angles[token * 2 * quarter + quarter + j] = row * speeds[j];
    }
  }
  return angles;
}
