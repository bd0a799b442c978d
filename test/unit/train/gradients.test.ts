import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import {
  clipByGlobalNorm,
  disposeGradients,
  GradientAccumulator,
  lossAndGradients,
} from "../../../src/train/gradients.js";
import { onBackend, smallLayer } from "./fixtures.js";

const x = () => tf.tensor2d([0.3, -0.2, 0.9, -0.4, 0.8, 0.1], [2, 3]);

function values(gradients: ReadonlyMap<string, tf.Tensor>): Map<string, number[]> {
  return new Map([...gradients].map(([path, gradient]) => [path, [...gradient.dataSync()]]));
}

describe("gradients of a layer's parameters", () => {
  onBackend("cpu");

  it("come by state_dict path, of the parameters that the loss depends on", () => {
    const layer = smallLayer();
    const parameters = layer.namedParameters();
    const { loss, gradients } = lossAndGradients(
      () => layer.lin1.call(x()).square().sum().asScalar(),
      parameters,
    );
    expect([...gradients.keys()]).toEqual(["lin1.weight", "lin1.bias"]);
    expect(gradients.get("lin1.weight")?.shape).toEqual([3, 5]);
    const step = 1e-2;
    const gradient = gradients.get("lin1.bias")?.dataSync() ?? [];
    tf.tidy(() => {
      const at = (shift: tf.Tensor) => layer.lin1.call(x()).add(shift).square().sum().dataSync()[0];
      for (let unit = 0; unit < 5; unit++) {
        const shift = tf.oneHot(tf.tensor1d([unit], "int32"), 5).mul(step);
        expect(gradient[unit]).toBeCloseTo((at(shift) - at(shift.neg())) / (2 * step), 3);
      }
    });
    loss.dispose();
    disposeGradients(gradients);
    layer.dispose();
  });

  it("leave the loss and one tensor each, and nothing after an error", () => {
    const layer = smallLayer();
    const parameters = layer.namedParameters();
    const before = tf.memory().numTensors;
    const { loss, gradients } = lossAndGradients(() => layer.call(x()).mean().asScalar(), parameters);
    expect(tf.memory().numTensors).toBe(before + 1 + 4);
    loss.dispose();
    disposeGradients(gradients);
    const failing = () => {
      layer.call(x());
      throw new Error("no such batch");
    };
    expect(() => lossAndGradients(failing, parameters)).toThrow("no such batch");
    expect(() => lossAndGradients(() => layer.call(x()).greater(0).sum(), parameters)).toThrow("Greater");
    expect(tf.memory().numTensors).toBe(before);
    layer.dispose();
  });

  it("refuse a loss that is none", () => {
    const layer = smallLayer();
    const parameters = layer.namedParameters();
    expect(() => lossAndGradients(() => tf.scalar(1), new Map())).toThrow("no trainable parameter");
    expect(() => lossAndGradients(() => layer.call(x()) as tf.Scalar, parameters)).toThrow(
      "the loss is [2,3]; expected a scalar",
    );
    expect(() => lossAndGradients(() => tf.scalar(1), parameters)).toThrow(
      "the loss depends on none of the 4 trainable parameters (lin1.weight, …)",
    );
    layer.dispose();
  });
});

describe("clipping", () => {
  onBackend("cpu");

  const make = () =>
    new Map([
      ["a", tf.tensor([3, 0])],
      ["b", tf.tensor([[4]])],
    ]);

  it.each([
    [10, [3, 0], [4]],
    [1, [0.6, 0], [0.8]],
  ])("to %d scales all alike", (most, a, b) => {
    const gradients = make();
    const { gradients: clipped, norm } = clipByGlobalNorm(gradients, most);
    expect(norm.dataSync()[0]).toBe(5);
    for (const [path, expected] of [
      ["a", a],
      ["b", b],
    ] as const)
      for (const [index, value] of [...(clipped.get(path)?.dataSync() ?? [])].entries())
        expect(value).toBeCloseTo(expected[index], 5);
    norm.dispose();
    disposeGradients(gradients);
    disposeGradients(clipped);
  });

  it("tells of a gradient that is not finite", () => {
    const gradients = new Map([["a", tf.tensor([1, NaN])]]);
    const { gradients: clipped, norm } = clipByGlobalNorm(gradients, 1);
    expect(norm.dataSync()[0]).toBeNaN();
    norm.dispose();
    disposeGradients(gradients);
    disposeGradients(clipped);
  });
});

describe("accumulated gradients", () => {
  onBackend("cpu");

  it("of halves equal those of the whole batch", () => {
    const layer = smallLayer();
    const of = (rows: tf.Tensor) =>
      lossAndGradients(() => layer.call(rows).square().mean().asScalar(), layer.namedParameters());
    const accumulator = new GradientAccumulator();
    tf.tidy(() => {
      for (const half of tf.split(x(), 2)) accumulator.add(of(half).gradients, 1 / 2);
    });
    const sums = accumulator.take();
    tf.tidy(() => {
      const whole = values(of(x()).gradients);
      expect([...sums.keys()]).toEqual([...whole.keys()]);
      for (const [path, sum] of values(sums))
        for (const [index, value] of sum.entries())
          expect(value).toBeCloseTo(whole.get(path)?.[index] ?? NaN, 6);
    });
    expect(accumulator.take().size).toBe(0);
    disposeGradients(sums);
    layer.dispose();
  });

  it("keep one tensor a parameter, and none after dispose", () => {
    const layer = smallLayer();
    const { loss, gradients } = lossAndGradients(() => layer.call(x()).sum(), layer.namedParameters());
    const before = tf.memory().numTensors;
    const accumulator = new GradientAccumulator();
    for (let n = 0; n < 3; n++) accumulator.add(gradients);
    expect(tf.memory().numTensors).toBe(before + 4);
    accumulator.dispose();
    expect(tf.memory().numTensors).toBe(before);
    loss.dispose();
    disposeGradients(gradients);
    layer.dispose();
  });
});
