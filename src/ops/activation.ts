import * as tf from "@tensorflow/tfjs";

/**
 * GELU in its exact form, `x · Φ(x)` with `Φ(x) = (1 + erf(x/√2))/2`, as PyTorch's `nn.GELU()`; any shape.
 *
 * Its derivative is `Φ(x) + x · φ(x)`, φ the normal density. It is written out because Φ is there already: what
 * TensorFlow.js derives takes twice as many operations, on the widest values of the network.
 */
export function gelu(x: tf.Tensor): tf.Tensor {
  const run = tf.customGrad((...args) => {
    const [input, save] = args as unknown as [tf.Tensor, tf.GradSaveFunc];
    const share = input.mul(Math.SQRT1_2).erf().mul(0.5).add(0.5); // Φ(x)
    save([input, share]);
    const gradFunc = (dy: tf.Tensor, [saved, phi]: tf.Tensor[]) =>
      tf.tidy(() => {
        const density = saved.square().mul(-0.5).exp().mul(DENSITY_AT_0);
        return dy.mul(saved.mul(density).add(phi));
      });
    return { value: input.mul(share), gradFunc };
  });
  return tf.tidy(() => run(x));
}

const DENSITY_AT_0 = 1 / Math.sqrt(2 * Math.PI);
