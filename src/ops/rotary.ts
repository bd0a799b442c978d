import * as tf from "@tensorflow/tfjs";

/** Cosines and sines of the angles by which tokens are turned, [N, d] each: every angle twice, for the two of a pair. */
export interface RotaryAngles {
  readonly cos: tf.Tensor2D;
  readonly sin: tf.Tensor2D;
}

/**
 * Turns pairs of neighbouring channels: `(a, b)` becomes `(a·cos θ - b·sin θ, a·sin θ + b·cos θ)`. Complex numbers would
 * say the same, which not all backends have.
 *
 * @param x [..., R·N, d]: the angles of N tokens are used again for every N.
 */
export function rotatePairs(x: tf.Tensor, { cos, sin }: RotaryAngles): tf.Tensor {
  return tf.tidy(() => {
    const [tokens, dim] = cos.shape;
    const rounds = x.reshape([-1, tokens, dim]);
    // A quarter turn, (a, b) to (-b, a), as a product with a constant matrix: exact, fast and with a gradient on every
    // backend. As parts and interleaving it would be slow along the last axis.
    const width = dim % 16 === 0 ? 16 : dim;
    const turned = tf.matMul(rounds.reshape<tf.Tensor2D>([-1, width]), quarterTurn(width));
    return rounds.mul(cos).add(turned.reshape(rounds.shape).mul(sin)).reshape(x.shape);
  });
}

function quarterTurn(width: number): tf.Tensor2D {
  const values = new Float32Array(width * width);
  for (let a = 0; a < width; a += 2) {
    values[a * width + a + 1] = 1;
    values[(a + 1) * width + a] = -1;
  }
  return tf.tensor2d(values, [width, width]);
}
