import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import { resizeBilinear } from "../../../src/ops/resize.js";
import { oracleInput } from "../../parity/oracle.js";

describe("bilinear resize", () => {
  beforeAll(() => useBackend("cpu"));

  // The forward pass of tf.image.resizeBilinear with half-pixel centres is right; only its gradient is not.
  it.each([
    { from: [4, 6], to: [9, 5] },
    { from: [5, 3], to: [5, 3] },
    { from: [3, 8], to: [24, 31] },
    { from: [1, 1], to: [4, 2] },
  ] as const)("of $from to $to equals TensorFlow's kernel", ({ from: [h, w], to }) => {
    tf.tidy(() => {
      const maps = tf.tensor3d(oracleInput("maps", [2, h, w]), [2, h, w]);
      const kernel = tf.image
        .resizeBilinear(maps.expandDims<tf.Tensor4D>(3), [...to], false, true)
        .squeeze([3]);
      const ours = resizeBilinear(maps, to);
      expect(ours.shape).toEqual([2, ...to]);
      expect(ours.sub(kernel).abs().max().dataSync()[0]).toBeLessThan(1e-6);
    });
  });

  it("has the gradient that finite differences give, on a map that is not square", () => {
    const x = oracleInput("x", [1, 3, 4]);
    const weights = oracleInput("w", [1, 7, 5]);
    const loss = (map: tf.Tensor) =>
      resizeBilinear(map, [7, 5])
        .mul(tf.tensor3d(weights, [1, 7, 5]))
        .sum<tf.Scalar>();
    const gradient = tf.tidy(() =>
      tf
        .grad(loss)(tf.tensor3d(x, [1, 3, 4]))
        .dataSync(),
    );
    x.forEach((value, index) => {
      const at = (delta: number) =>
        tf.tidy(() => loss(tf.tensor3d(x.with(index, value + delta), [1, 3, 4])).dataSync()[0]);
      // The loss is linear, so the step may be large and rounding small.
      expect(gradient[index]).toBeCloseTo((at(1) - at(-1)) / 2, 4);
    });
  });
});
