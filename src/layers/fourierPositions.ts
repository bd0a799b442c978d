import * as tf from "@tensorflow/tfjs";
import { sinCos } from "../ops/circle.js";
import { NORMAL } from "../weights/initial.js";
import type { Parameter, ParamScope } from "../weights/paramScope.js";
import { Layer } from "./layer.js";

/**
 * Positions as sines and cosines of random directions: coordinates [..., 2] as (x, y) in [0, 1] give [..., dim].
 *
 * @see segment_anything/modeling/prompt_encoder.py, `PositionEmbeddingRandom`
 */
export class FourierPositions extends Layer {
  /** [2, dim/2], row 0 multiplies x, row 1 multiplies y. A buffer upstream: never trained. */
  positionalEncodingGaussianMatrix: Parameter;

  constructor(params: ParamScope, { dim }: { readonly dim: number }) {
    super();
    const matrix = params.get("positional_encoding_gaussian_matrix", [2, dim / 2], NORMAL);
    matrix.value.trainable = false;
    this.positionalEncodingGaussianMatrix = matrix;
  }

  forward(coordinates: tf.Tensor): tf.Tensor {
    const matrix = this.positionalEncodingGaussianMatrix.value as tf.Tensor2D;
    const rows = coordinates.mul(2).sub(1).reshape<tf.Tensor2D>([-1, 2]);
    const angles = tf.matMul(rows, matrix).mul(2 * Math.PI); // [n, dim/2]
    return tf.concat(sinCos(angles), 1).reshape([...coordinates.shape.slice(0, -1), -1]);
  }

  /** Positions of the cells' centres of a grid: [height, width, dim]. */
  grid([height, width]: readonly [number, number]): tf.Tensor {
    const centres = Float32Array.from({ length: height * width * 2 }, (_, n) => {
      const [row, column] = [Math.floor(n / 2 / width), Math.floor(n / 2) % width];
      return n % 2 === 0 ? (column + 0.5) / width : (row + 0.5) / height;
    });
    return tf.tidy(() => this.call(tf.tensor3d(centres, [height, width, 2])));
  }
}
