import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../src/backend/useBackend.node.js";
import { gelu } from "../../src/ops/activation.js";
import { linear, linearGelu } from "../../src/ops/linear.js";
import { layerNorm, layerNormPlain } from "../../src/ops/normalization.js";
import { BACKWARD } from "./backends.js";
import { oracleInput } from "./oracle.js";

const tensor = (name: string, shape: number[], scale = 1) =>
  tf.tensor(
    oracleInput(name, shape).map((x) => scale * (2 * x - 1)),
    shape,
  );
const largest = (a: tf.Tensor, b: tf.Tensor) => tf.tidy(() => a.sub(b).abs().max()).dataSync()[0];

describe.each(BACKWARD)("forms of one operation agree on %s", (backend) => {
  beforeAll(() => useBackend(backend));

  it("layer norm, and its gradients", () => {
    const inputs = [tensor("x", [2, 3, 40], 5), tensor("weight", [40]), tensor("bias", [40])] as const;
    expect(largest(layerNorm(...inputs, 1e-6), layerNormPlain(...inputs, 1e-6))).toBeLessThan(2e-6);
    const loss = (form: typeof layerNorm) => (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) =>
      form(x, weight, bias, 1e-6)
        .mul(tensor("loss", [2, 3, 40]))
        .sum();
    const [fast, plain] = [layerNorm, layerNormPlain].map((form) => tf.grads(loss(form))([...inputs]));
    fast.forEach((gradient, n) => {
      expect(gradient.shape).toEqual(plain[n].shape);
      expect(largest(gradient, plain[n])).toBeLessThan(5e-6);
    });
  });

  it("linear layers with bias and with GELU, and their gradients", () => {
    const inputs = [tensor("x", [2, 3, 40], 5), tensor("weight", [40, 24]), tensor("bias", [24])] as const;
    type Form = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor) => tf.Tensor;
    const product: Form = (x, weight, bias) =>
      tf
        .matMul(x.reshape([6, 40]), weight as tf.Tensor2D)
        .reshape([2, 3, 24])
        .add(bias);
    const forms: readonly (readonly [Form, Form])[] = [
      [linear, product],
      [linearGelu, (...given) => gelu(product(...given))],
    ];
    for (const [fast, plain] of forms) {
      const result = fast(...inputs);
      expect(result.shape).toEqual([2, 3, 24]);
      expect(largest(result, plain(...inputs))).toBeLessThan(1e-5);
      const gradients = [fast, plain].map((form) =>
        tf.grads((x, weight, bias) =>
          form(x, weight, bias)
            .mul(tensor("loss", [2, 3, 24]))
            .sum(),
        )([...inputs]),
      );
      gradients[0].forEach((gradient, n) => {
        expect(gradient.shape).toEqual(inputs[n].shape);
        expect(largest(gradient, gradients[1][n])).toBeLessThan(2e-5);
      });
    }
  });

  it.each([1, 1e2, 1e4, 1e30])("softmax of values up to %d", (scale) => {
    const x = tensor("scores", [2, 5, 33], scale);
    const shifted = x.sub(x.max(-1, true)).exp();
    const plain = shifted.div(shifted.sum(-1, true));
    const result = x.softmax();
    expect(result.shape).toEqual(x.shape);
    expect(largest(result, plain)).toBeLessThan(1e-6);
  });
});
