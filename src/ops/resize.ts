import * as tf from "@tensorflow/tfjs";

/** What PyTorch's `interpolate` does along one axis. */
export type Interpolation = "bilinear" | "bilinear antialiased" | "bicubic";

/**
 * Matrix [to, from] of interpolation along one axis, as PyTorch's `interpolate` with `align_corners=False`: sample
 * positions are pixel centres.
 */
export function interpolationMatrix(
  from: number,
  to: number,
  interpolation: Interpolation = "bilinear",
): tf.Tensor2D {
  const values = new Float32Array(to * from);
  for (let row = 0; row < to; row++)
    for (const [column, weight] of TAPS[interpolation](row, from, from / to))
      values[row * from + Math.min(Math.max(column, 0), from - 1)] += weight;
  return tf.tensor2d(values, [to, from]);
}

/** Which samples make output `row`, and how much of each; those outside the input are its outer samples. */
type Taps = (row: number, from: number, scale: number) => (readonly [column: number, weight: number])[];

/** Keys' cubic with PyTorch's a = -0.75. */
function cubic(z: number): number {
  const a = -0.75;
  const x = Math.abs(z);
  if (x <= 1) return (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1;
  return x < 2 ? a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a : 0;
}

const TAPS: Readonly<Record<Interpolation, Taps>> = {
  bilinear(row, _from, scale) {
    const position = Math.max((row + 0.5) * scale - 0.5, 0);
    const lower = Math.floor(position);
    const fraction = position - lower;
    return [
      [lower, 1 - fraction],
      [lower + 1, fraction],
    ];
  },
  // A triangle that widens where the axis shrinks.
  "bilinear antialiased"(row, from, scale) {
    const support = Math.max(scale, 1);
    const centre = (row + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), from);
    const weights = Array.from({ length: end - first }, (_, n) =>
      Math.max(0, 1 - Math.abs((first + n - centre + 0.5) / support)),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight, n) => [first + n, weight / sum] as const);
  },
  bicubic(row, _from, scale) {
    const position = (row + 0.5) * scale - 0.5;
    const lower = Math.floor(position);
    return [-1, 0, 1, 2].map((n) => [lower + n, cubic(position - lower - n)] as const);
  },
};

/** Linear interpolation of a table's rows: [from, C] gives [to, C] (`F.interpolate(mode="linear")`). */
export function resizeRows(table: tf.Tensor2D, to: number): tf.Tensor2D {
  if (table.shape[0] === to) return table;
  return tf.tidy(() => tf.matMul(interpolationMatrix(table.shape[0], to), table));
}

/**
 * Bilinear resize of the last two axes: maps [..., h, w] give [..., height, width], as PyTorch's
 * `interpolate(mode="bilinear", align_corners=False)`.
 */
export function resizeBilinear(maps: tf.Tensor, size: readonly [number, number]): tf.Tensor {
  return resize(maps, size, "bilinear");
}

/**
 * Resize of the last two axes: maps [..., h, w] give [..., height, width], as PyTorch's `interpolate` with
 * `align_corners=False`.
 *
 * Written as `Rh · x · Rwᵀ`, since the gradient of `tf.image.resizeBilinear` ignores half-pixel centres; as two plain
 * products for all maps together.
 */
export function resize(
  maps: tf.Tensor,
  [height, width]: readonly [number, number],
  interpolation: Interpolation,
): tf.Tensor {
  return tf.tidy(() => {
    const [h, w] = maps.shape.slice(-2);
    const outer = maps.shape.slice(0, -2);
    const [rows, columns] = [
      interpolationMatrix(h, height, interpolation),
      interpolationMatrix(w, width, interpolation),
    ];
    const upright = maps.reshape<tf.Tensor3D>([-1, h, w]).transpose<tf.Tensor3D>([0, 2, 1]); // [n, w, h]
    const tall = tf.matMul(upright.reshape<tf.Tensor2D>([-1, h]), rows.transpose()); // [n·w, height]
    const turned = tall.reshape<tf.Tensor3D>([-1, w, height]).transpose<tf.Tensor3D>([0, 2, 1]); // [n, height, w]
    return tf
      .matMul(turned.reshape<tf.Tensor2D>([-1, w]), columns.transpose())
      .reshape([...outer, height, width]);
  });
}
