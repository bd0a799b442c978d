import * as tf from "@tensorflow/tfjs";
import { Layer } from "./layer.js";

// PyTorch computes these in single precision, and so are they here, step by step: at the larger angles the rounding is
// the same then.
const { fround } = Math;
const TEMPERATURE = 10000;

/** `TEMPERATURE` to the power of `2·floor(channel/2)/count`, by which positions are divided. */
function wavelengths(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, c) =>
    Math.pow(TEMPERATURE, fround((2 * Math.floor(c / 2)) / count)),
  );
}

/**
 * Rows and columns of a map as sines and cosines: [1, height, width, dim], the first half of the channels for the row,
 * the second for the column. It has no parameters.
 *
 * @see sam2/modeling/position_encoding.py, `PositionEmbeddingSine`
 */
export class SinePositions extends Layer<[size: readonly [height: number, width: number]]> {
  private readonly known = new Map<string, Float32Array>();

  constructor(readonly dim: number) {
    super();
    this.layout = "nhwc";
  }

  forward([height, width]: readonly [number, number]): tf.Tensor {
    const key = `${height}x${width}`;
    const values = this.known.get(key) ?? this.positions(height, width);
    this.known.set(key, values);
    return tf.tensor4d(values, [1, height, width, this.dim]);
  }

  private positions(height: number, width: number): Float32Array {
    const half = this.dim / 2;
    const lengths = wavelengths(half);
    const along = (size: number) =>
      Array.from({ length: size }, (_, n) => {
        const position = fround(fround((n + 1) / fround(size + 1e-6)) * fround(2 * Math.PI));
        return Float32Array.from(lengths, (length, c) => {
          const angle = fround(position / length);
          return c % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
        });
      });
    const [rows, columns] = [along(height), along(width)];
    const values = new Float32Array(height * width * this.dim);
    for (let row = 0, at = 0; row < height; row++)
      for (let column = 0; column < width; column++, at += this.dim) {
        values.set(rows[row], at);
        values.set(columns[column], at + half);
      }
    return values;
  }
}

/**
 * Numbers as sines and cosines: n of them give [n, dim], all sines first, then all cosines.
 *
 * @see sam2/modeling/sam2_utils.py, `get_1d_sine_pe`
 */
export function sinePositions(numbers: readonly number[], dim: number): tf.Tensor2D {
  const lengths = wavelengths(dim / 2);
  const values = new Float32Array(numbers.length * dim);
  numbers.forEach((number, row) =>
    lengths.forEach((length, c) => {
      const angle = fround(fround(number) / length);
      values[row * dim + c] = Math.sin(angle);
      values[row * dim + lengths.length + c] = Math.cos(angle);
    }),
  );
  return tf.tensor2d(values, [numbers.length, dim]);
}
