import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import { resize, resizeBilinear, type Interpolation } from "../../../src/ops/resize.js";
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

// What torch.nn.functional.interpolate gives, with align_corners=False.
const PYTORCH: readonly {
  interpolation: Interpolation;
  from: [number, number];
  to: [number, number];
  expected: number[];
}[] = [
  {
    interpolation: "bicubic",
    from: [3, 5],
    to: [5, 4],
    expected: [
      0.42304, 0.752396, 0.531226, 0.848294, 0.445823, 0.647166, 0.291427, 0.586082, 0.517358, 0.57991,
      0.049667, 0.29918, 0.683937, 0.815582, 0.248716, 0.43073, 0.80458, 1.022256, 0.462787, 0.599368,
    ],
  },
  {
    interpolation: "bilinear antialiased",
    from: [7, 6],
    to: [3, 4],
    expected: [
      0.571277, 0.361495, 0.455071, 0.69318, 0.539745, 0.445609, 0.365575, 0.323976, 0.448161, 0.566962,
      0.666374, 0.510497,
    ],
  },
  {
    interpolation: "bilinear antialiased",
    from: [7, 6],
    to: [9, 2],
    expected: [
      0.593829, 0.630491, 0.400245, 0.615183, 0.377632, 0.492951, 0.481295, 0.320701, 0.519581, 0.219103,
      0.51132, 0.340994, 0.52949, 0.515058, 0.558107, 0.634183, 0.582495, 0.64965,
    ],
  },
];

it.each(PYTORCH)(
  "$interpolation resize of $from to $to equals PyTorch's",
  ({ interpolation, from, to, expected }) => {
    const got = tf.tidy(() => {
      const maps = tf.tensor4d(oracleInput("maps", [1, 1, ...from]), [1, 1, ...from]);
      return [...resize(maps, to, interpolation).dataSync()];
    });
    expect(got).toHaveLength(expected.length);
    got.forEach((value, n) => expect(value).toBeCloseTo(expected[n], 5));
  },
);
