import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import { differentiate, recompute, withoutGradient } from "../../../src/ops/autograd.js";

beforeAll(() => useBackend("cpu"));
afterEach(() => expect(tf.memory().numTensors).toBe(0));

const numbers = (tensor: tf.Tensor | undefined) =>
  tensor === undefined ? undefined : [...tensor.dataSync()];

describe("differentiate", () => {
  it("tells a missing gradient from a zero one", () => {
    tf.tidy(() => {
      const [a, b, c] = [tf.tensor1d([1, 2]), tf.tensor1d([3, 4]), tf.tensor1d([5, 6])];
      const { value, gradients } = differentiate(() => a.square().add(b.mul(0)), [a, b, c]);
      expect(numbers(value)).toEqual([1, 4]);
      expect(gradients.map(numbers)).toEqual([[2, 4], [0, 0], undefined]);
    });
  });

  it("starts from the gradient of what comes after", () => {
    tf.tidy(() => {
      const a = tf.tensor1d([1, 2]);
      const { gradients } = differentiate(() => a.square(), [a], tf.tensor1d([10, -1]));
      expect(numbers(gradients[0])).toEqual([20, -4]);
    });
  });

  it("leaves nothing behind when the function fails, forwards or backwards", () => {
    const a = tf.tensor1d([1, 2]);
    const throwing = () => {
      a.exp().mul(a);
      throw new Error("stop");
    };
    for (const f of [throwing, () => a.exp().greater(1).cast("float32")])
      expect(() => tf.tidy(() => differentiate<tf.Tensor>(f, [a]).value)).toThrow();
    expect(tf.memory().numTensors).toBe(1);
    a.dispose();
  });
});

describe("recompute", () => {
  const f = (a: tf.Tensor, b: tf.Tensor, v: tf.Tensor) => a.mul(v).tanh().add(b.square()).mul(v).exp();

  it("gives the plain tape's values and gradients, to the bit, of inputs and variables", () => {
    const v = tf.tidy(() => tf.variable(tf.tensor1d([0.3, -0.7])));
    tf.tidy(() => {
      const [a, b] = [tf.tensor1d([0.1, 0.2]), tf.tensor1d([-0.5, 0.6])];
      const xs = [a, b, v];
      const after = (y: tf.Tensor) => y.square().sum();
      const plain = differentiate(() => after(f(a, b, v)), xs);
      const again = differentiate(() => after(recompute((p, q) => f(p, q, v), [a, b], [v])), xs);
      expect(numbers(again.value)).toEqual(numbers(plain.value));
      expect(again.gradients.map(numbers)).toEqual(plain.gradients.map(numbers));
    });
    v.dispose();
  });

  it("works inside itself", () => {
    tf.tidy(() => {
      const [a, b, c] = [tf.tensor1d([0.1, 0.2]), tf.tensor1d([-0.5, 0.6]), tf.tensor1d([0.3, -0.7])];
      const inner = (p: tf.Tensor, q: tf.Tensor) => recompute((s, t) => f(s, t, c), [p, q]);
      const outer = recompute((p, q) => inner(p, inner(p, q)).add(inner(q, p)), [a, b]);
      expect(outer.shape).toEqual([2]);
      const nested = differentiate(
        () => recompute((p, q) => inner(p, inner(p, q)).add(inner(q, p)), [a, b]),
        [a, b],
      );
      const plain = differentiate(() => f(a, f(a, b, c), c).add(f(b, a, c)), [a, b]);
      expect(nested.gradients.map(numbers)).toEqual(plain.gradients.map(numbers));
    });
  });

  it("keeps only inputs and result between forward and backward", () => {
    const a = tf.ones([1000]);
    let [atEnd, before] = [0, 0];
    tf.tidy(() => {
      before = tf.memory().numDataBuffers;
      differentiate(() => {
        const y = recompute((p) => p.exp().sin().exp().cos().exp(), [a]);
        atEnd = tf.memory().numDataBuffers - before;
        return y;
      }, [a]);
    });
    expect(atEnd).toBe(1);
    a.dispose();
  });

  it("gives zeros for a variable that the result does not depend on", () => {
    const v = tf.tidy(() => tf.variable(tf.ones([3])));
    tf.tidy(() => {
      const a = tf.tensor1d([2]);
      const { gradients } = differentiate(() => recompute((p) => p.square(), [a], [v]), [a, v]);
      expect(gradients.map(numbers)).toEqual([[4], [0, 0, 0]]);
    });
    v.dispose();
  });

  it("is the function itself outside of a tape", () => {
    tf.tidy(() => {
      expect(numbers(recompute((p) => p.square(), [tf.tensor1d([3])]))).toEqual([9]);
    });
  });
});

describe("withoutGradient", () => {
  it("makes constants of what it computes", () => {
    tf.tidy(() => {
      const a = tf.tensor1d([1, 2]);
      const positive = () => a.relu();
      const { value, gradients } = differentiate(() => withoutGradient(positive).mul(a), [a]);
      expect(numbers(value)).toEqual([1, 4]);
      // The constant's own share is not there, else they were twice as large.
      expect(numbers(gradients[0])).toEqual([1, 2]);
    });
  });
});
