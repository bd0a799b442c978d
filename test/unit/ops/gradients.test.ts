import * as tf from "@tensorflow/tfjs";
import { afterEach, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.node.js";
import { BACKWARD } from "../../parity/backends.js";

type Operation = (...inputs: tf.Tensor[]) => tf.Tensor;
type Shapes = readonly (readonly number[])[];

/** Every operation that a gradient passes through in `src/`, in the forms used there. Not square, batch above 1. */
const OPERATIONS: Readonly<Record<string, readonly [Shapes, Operation]>> = {
  "add, broadcast": [[[2, 3, 4], [4]], (a, b) => a.add(b)],
  "add, broadcast in the middle": [
    [
      [2, 3, 1, 4],
      [2, 3, 5, 1],
    ],
    (a, b) => a.add(b),
  ],
  "sub of a mean": [[[2, 3, 4]], (a) => a.sub(a.mean(-1, true))],
  "mul, broadcast": [
    [
      [2, 3, 4],
      [2, 1, 1],
    ],
    (a, b) => a.mul(b),
  ],
  "div, broadcast": [
    [
      [3, 4],
      [3, 1],
    ],
    (a, b) => a.div(b.square().add(1)),
  ],
  matMul: [
    [
      [3, 4],
      [4, 2],
    ],
    (a, b) => tf.matMul(a, b),
  ],
  "matMul, transposed right": [
    [
      [3, 4],
      [2, 4],
    ],
    (a, b) => tf.matMul(a, b, false, true),
  ],
  "matMul, transposed left": [
    [
      [4, 3],
      [4, 2],
    ],
    (a, b) => tf.matMul(a, b, true, false),
  ],
  "matMul, batched": [
    [
      [2, 3, 4],
      [2, 4, 5],
    ],
    (a, b) => tf.matMul(a, b),
  ],
  "matMul, batched, transposed right": [
    [
      [2, 3, 4],
      [2, 5, 4],
    ],
    (a, b) => tf.matMul(a, b, false, true),
  ],
  "matMul of rank 4": [
    [
      [2, 2, 3, 4],
      [2, 2, 5, 4],
    ],
    (a, b) => tf.matMul(a, b, false, true),
  ],
  "slice, inner and open-ended": [[[3, 4, 5]], (a) => a.slice([1, 0, 2], [2, -1, 2])],
  "concat, first axis": [
    [
      [2, 3],
      [4, 3],
    ],
    (a, b) => tf.concat([a, b], 0),
  ],
  "concat, inner axis": [
    [
      [2, 1, 3],
      [2, 4, 3],
    ],
    (a, b) => tf.concat([a, b], 1),
  ],
  "concat of one": [[[2, 3]], (a) => tf.concat([a], 0)],
  stack: [
    [
      [2, 3],
      [2, 3],
    ],
    (a, b) => tf.stack([a, b], 1),
  ],
  "gather, repeated rows": [[[4, 3]], (a) => tf.gather(a, tf.tensor1d([2, 0, 2, 3, 2], "int32"))],
  "gather along an inner axis": [[[2, 4, 3]], (a) => tf.gather(a, tf.tensor1d([3, 3, 1], "int32"), 1)],
  "tile, several axes": [[[1, 2, 1]], (a) => a.tile([3, 1, 4])],
  "pad, lopsided": [
    [[2, 3, 4]],
    (a) =>
      a.pad([
        [0, 0],
        [0, 2],
        [1, 0],
      ]),
  ],
  "transpose of rank 3": [[[2, 3, 4]], (a) => a.transpose([1, 0, 2])],
  "transpose of rank 4": [[[2, 3, 4, 5]], (a) => a.transpose([0, 3, 1, 2])],
  "reshape and expandDims": [[[2, 3, 4]], (a) => a.reshape([6, 4]).expandDims(1)],
  clone: [[[2, 3]], (a) => a.clone()],
  "softmax, last axis": [[[2, 3, 4]], (a) => a.mul(3).softmax()],
  "mean, last axis": [[[2, 3, 4]], (a) => a.mean(-1, true)],
  "mean over two axes": [[[2, 3, 4, 5]], (a) => a.mean([2, 3])],
  "sum over two axes": [[[2, 3, 4, 5]], (a) => a.sum([2, 3])],
  "min, inner axis": [[[3, 4]], (a) => a.min(1)],
  square: [[[2, 3]], (a) => a.square()],
  squaredDifference: [
    [
      [2, 3],
      [2, 3],
    ],
    (a, b) => tf.squaredDifference(a, b),
  ],
  pow: [[[2, 3]], (a) => a.sigmoid().pow(2)],
  rsqrt: [[[2, 3]], (a) => a.square().add(0.5).rsqrt()],
  erf: [[[2, 3]], (a) => a.erf()],
  relu: [[[3, 4]], (a) => a.relu()],
  sigmoid: [[[2, 3]], (a) => a.sigmoid()],
  "conv2d, 3 x 3": [
    [
      [2, 5, 4, 3],
      [3, 3, 3, 2],
    ],
    (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "valid"),
  ],
  "conv2d, stride": [
    [
      [2, 6, 4, 3],
      [2, 2, 3, 5],
    ],
    (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, "valid"),
  ],
  depthwiseConv2d: [
    [
      [2, 5, 4, 3],
      [3, 3, 3, 1],
    ],
    (x, w) => tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "valid"),
  ],
};

const STEP = 0.02;
// Of the slope along one direction, by central differences in single precision; wrong gradients are off by tens.
const TOLERANCE = 0.005;

describe.each(BACKWARD)("gradients of operations equal finite differences on %s", (backend) => {
  afterEach(() => expect(tf.memory().numTensors).toBe(0));

  it.each(Object.entries(OPERATIONS))("%s", async (_name, [shapes, operation]) => {
    await useBackend(backend);
    tf.tidy(() => {
      const random = (shape: readonly number[], seed: number) =>
        tf.randomUniform([...shape], -1, 1, "float32", seed);
      const inputs = shapes.map((shape, index) => random(shape, index + 1));
      const out = operation(...inputs).shape;
      const loss = (...xs: tf.Tensor[]) =>
        operation(...xs)
          .mul(random(out, 7))
          .sum<tf.Scalar>();
      const gradients = tf.grads(loss)(inputs);
      for (const [index, input] of inputs.entries()) {
        expect(gradients[index].shape).toEqual(input.shape);
        for (const seed of [11, 12, 13]) {
          const direction = random(input.shape, seed).mul(STEP);
          const at = (sign: number) =>
            loss(...inputs.map((x, i) => (i === index ? x.add(direction.mul(sign)) : x))).dataSync()[0];
          const slope = (at(1) - at(-1)) / 2;
          const expected = gradients[index].mul(direction).sum().dataSync()[0];
          const scale = direction.mul(gradients[index]).abs().sum().dataSync()[0];
          expect(Math.abs(slope - expected)).toBeLessThan(TOLERANCE * scale);
        }
      }
    });
  });
});
