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
 * Written as `Rh · x · Rwᵀ`, since the gradient of `tf.image.resizeBilinear` ignores half-pixel centres.
 */
export function resizeBilinear(maps: tf.Tensor, [height, width]: readonly [number, number]): tf.Tensor {
  return tf.tidy(() => {
    const [h, w] = maps.shape.slice(-2);
    const outer = maps.shape.slice(0, -2);
    const columns = interpolationMatrix(w, width).transpose<tf.Tensor2D>(); // [w, width]
    const wide = tf.matMul(maps.reshape<tf.Tensor2D>([-1, w]), columns); // [n·h, width]
    const rows = interpolationMatrix(h, height);
    // One product a map, each of plain matrices, since a batched product is slow on WASM; and slices rather than
    // `unstack`, whose gradient fails for a single map.
    const resized: tf.Tensor2D[] = [];
    for (let start = 0; start < wide.shape[0]; start += h)
      resized.push(tf.matMul(rows, wide.slice([start, 0], [h, -1])));
    return tf.concat(resized, 0).reshape([...outer, height, width]);
  });
}
