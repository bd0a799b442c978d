import * as tf from "@tensorflow/tfjs";

/** Terms of the Taylor series that single precision can see at ±π. */
const TERMS = 10;

/**
 * Sine and cosine of angles in radians by their Taylor series around 0, after taking off whole turns. Within 1e-6.
 * For GPUs, whose own functions may be wrong by 5e-4 (WGSL allows 2^-11).
 */
export function sinCosSeries(angles: tf.Tensor): [sin: tf.Tensor, cos: tf.Tensor] {
  const turns = angles.div(2 * Math.PI);
  const x = turns.sub(turns.round()).mul(2 * Math.PI); // [-π, π]
  const squared = x.square();
  // Horner's rule on Σ (-x²)ⁿ / (2n + odd)!
  const series = (odd: 0 | 1) => {
    let sum: tf.Tensor = tf.onesLike(squared);
    for (let n = TERMS; n >= 1; n--)
      sum = sum
        .mul(squared)
        .mul(-1 / ((2 * n + odd - 1) * (2 * n + odd)))
        .add(1);
    return sum;
  };
  return [x.mul(series(1)), series(0)];
}

/** Sine and cosine of angles in radians, in the form that is exact enough on the backend in use. */
export function sinCos(angles: tf.Tensor): [sin: tf.Tensor, cos: tf.Tensor] {
  const backend = tf.getBackend();
  return backend === "webgpu" || backend === "webgl" ? sinCosSeries(angles) : [angles.sin(), angles.cos()];
}
