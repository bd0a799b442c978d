import type { Tensor } from "@tensorflow/tfjs";

/**
 * Cuts a grid into windows of `size` x `size` tokens, zero-padded at the bottom and the right:
 * [B, H, W, C] gives [B·nh·nw, size, size, C], windows row by row, image by image.
 *
 * @see segment_anything/modeling/image_encoder.py, `window_partition`
 */
export function windowPartition(x: Tensor, size: number): Tensor {
  const [batch, height, width, channels] = x.shape;
  const [rows, columns] = [Math.ceil(height / size), Math.ceil(width / size)];
  return x
    .pad([
      [0, 0],
      [0, rows * size - height],
      [0, columns * size - width],
      [0, 0],
    ])
    .reshape([batch * rows, size, columns, size * channels])
    .transpose([0, 2, 1, 3]) // [B·nh, nw, size, size·C]
    .reshape([batch * rows * columns, size, size, channels]);
}

/**
 * Puts windows back and crops the padding: [B·nh·nw, size, size, C] gives [B, height, width, C].
 *
 * @see segment_anything/modeling/image_encoder.py, `window_unpartition`
 */
export function windowUnpartition(windows: Tensor, [height, width]: readonly [number, number]): Tensor {
  const [count, size, , channels] = windows.shape;
  const [rows, columns] = [Math.ceil(height / size), Math.ceil(width / size)];
  const batch = count / (rows * columns);
  return windows
    .reshape([batch * rows, columns, size, size * channels])
    .transpose([0, 2, 1, 3]) // [B·nh, size, nw, size·C]
    .reshape([batch, rows * size, columns * size, channels])
    .slice([0, 0, 0, 0], [batch, height, width, channels]);
}
