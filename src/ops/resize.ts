import * as tf from "@tensorflow/tfjs";

/**
 * Matrix [to, from] of linear interpolation along one axis, as PyTorch's `interpolate` with
 * `align_corners=False` and no antialiasing: sample positions are pixel centres, clamped at the start.
 */
export function interpolationMatrix(from: number, to: number): tf.Tensor2D {
  const values = new Float32Array(to * from);
  const scale = from / to;
  for (let row = 0; row < to; row++) {
    const position = Math.max((row + 0.5) * scale - 0.5, 0);
    const lower = Math.min(Math.floor(position), from - 1);
    const upper = Math.min(lower + 1, from - 1);
    const fraction = position - lower;
    values[row * from + lower] += 1 - fraction;
    values[row * from + upper] += fraction;
  }
  return tf.tensor2d(values, [to, from]);
}

/** Linear interpolation of a table's rows: [from, C] gives [to, C] (`F.interpolate(mode="linear")`). */
export function resizeRows(table: tf.Tensor2D, to: number): tf.Tensor2D {
  if (table.shape[0] === to) return table;
  return tf.tidy(() => tf.matMul(interpolationMatrix(table.shape[0], to), table));
}

/**
 * Bilinear resize of the last two axes: maps [..., h, w] give [..., height, width], as PyTorch's
 * `interpolate(mode="bilinear", align_corners=False)`.
 *
 * Written as `Rh · x · Rwᵀ`, since the gradient of `tf.image.resizeBilinear` ignores half-pixel centres; as two plain
 * products for all maps together.
 */
export function resizeBilinear(maps: tf.Tensor, [height, width]: readonly [number, number]): tf.Tensor {
  return tf.tidy(() => {
    const [h, w] = maps.shape.slice(-2);
    const outer = maps.shape.slice(0, -2);
    const [rows, columns] = [interpolationMatrix(h, height), interpolationMatrix(w, width)];
    const upright = maps.reshape<tf.Tensor3D>([-1, h, w]).transpose<tf.Tensor3D>([0, 2, 1]); // [n, w, h]
    const tall = tf.matMul(upright.reshape<tf.Tensor2D>([-1, h]), rows.transpose()); // [n·w, height]
    const turned = tall.reshape<tf.Tensor3D>([-1, w, height]).transpose<tf.Tensor3D>([0, 2, 1]); // [n, height, w]
    return tf
      .matMul(turned.reshape<tf.Tensor2D>([-1, w]), columns.transpose())
      .reshape([...outer, height, width]);
  });
}
