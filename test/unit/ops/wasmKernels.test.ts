import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import { gelu } from "../../../src/ops/activation.js";
import { LINEAR, linear, linearGelu } from "../../../src/ops/linear.js";
import { registerWasmKernels } from "../../../src/ops/wasmKernels.js";

describe("the slice kernel on WASM", () => {
  beforeAll(() => useBackend("wasm"));

  it.each([
    { begin: [0, 0, 0], size: [1, 4, 5] },
    { begin: [2, 0, 0], size: [1, -1, -1] },
    { begin: [1, 2, 0], size: [1, 2, -1] },
    { begin: [1, 0, 1], size: [2, 3, 2] },
    { begin: [2, 3, 4], size: [1, 1, 1] },
  ])("gives the elements at $begin of size $size", ({ begin, size }) => {
    const x = tf.range(0, 60).reshape([3, 4, 5]);
    const part = x.slice(begin, size);
    const expected: number[] = [];
    for (let a = 0; a < part.shape[0]; a++)
      for (let b = 0; b < part.shape[1]!; b++)
        for (let c = 0; c < part.shape[2]!; c++)
          expected.push((begin[0] + a) * 20 + (begin[1] + b) * 5 + begin[2] + c);
    expect([...part.dataSync()]).toEqual(expected);
    tf.dispose([x, part]);
  });

  it("takes integers and booleans as before", () => {
    const x = tf.tensor2d([1, 2, 3, 4], [2, 2], "int32");
    const part = x.slice([1, 0], [1, 2]);
    expect(part.dtype).toBe("int32");
    expect([...part.dataSync()]).toEqual([3, 4]);
    tf.dispose([x, part]);
  });
});

describe("the kernels of products on WASM", () => {
  beforeAll(() => useBackend("wasm"));

  const SIDES = { rows: 24, inner: 40, columns: 32 };
  it.each([
    { of: "a batch", a: [6], b: [6], ...SIDES },
    { of: "two axes of batches", a: [2, 3], b: [2, 3], ...SIDES },
    { of: "one left matrix for all", a: [1], b: [6], ...SIDES },
    { of: "one right matrix for all", a: [6], b: [1], ...SIDES },
    { of: "one right matrix without an axis", a: [2, 3], b: [], ...SIDES },
    { of: "two matrices", a: [], b: [], ...SIDES },
    {
      of: "few rows and many columns, which are turned",
      a: [2, 3],
      b: [2, 3],
      rows: 3,
      inner: 16,
      columns: 600,
    },
    { of: "few rows for many matrices, which are turned", a: [1], b: [6], rows: 3, inner: 16, columns: 600 },
    { of: "many rows and few columns", a: [6], b: [6], rows: 600, inner: 16, columns: 3 },
    { of: "products too small for a call", a: [6], b: [6], rows: 2, inner: 3, columns: 4 },
    { of: "small products of one right matrix", a: [6], b: [1], rows: 2, inner: 3, columns: 4 },
    { of: "small products of one left matrix", a: [1], b: [6], rows: 2, inner: 3, columns: 4 },
    { of: "batches that are repeated along different axes", a: [3, 1], b: [1, 2], ...SIDES },
    { of: "small ones that are", a: [3, 1], b: [2], rows: 2, inner: 3, columns: 4 },
    { of: "a batch for each of several", a: [2, 3], b: [3], ...SIDES },
    { of: "such few rows, which are turned", a: [3, 1], b: [2], rows: 3, inner: 16, columns: 600 },
  ])("multiplies $of, in whatever way they lie, and keeps nothing", ({ a, b, rows, inner, columns }) => {
    const before = [tf.memory().numTensors, tf.backend().numDataIds()];
    for (const [transposeA, transposeB] of [
      [false, false],
      [false, true],
      [true, false],
      [true, true],
    ]) {
      const shapes = [
        transposeA ? [inner, rows] : [rows, inner],
        transposeB ? [columns, inner] : [inner, columns],
      ];
      const [product, expected] = tf.tidy(() => {
        // Whole numbers, which float32 adds exactly in any order.
        const [x, y] = [a, b].map((batch, n) =>
          tf.randomUniform([...batch, ...shapes[n]], -8, 8, "int32", n).toFloat(),
        );
        const z = tf.matMul(x, y, transposeA, transposeB);
        return [[...z.dataSync()], products(x, y, transposeA, transposeB, z.shape)];
      });
      expect(product).toEqual(expected);
    }
    expect([tf.memory().numTensors, tf.backend().numDataIds()]).toEqual(before);
  });

  it("adds the bias, and takes the GELU within float32's last bits of erf's, from far below 0 to far above", () => {
    const before = [tf.memory().numTensors, tf.backend().numDataIds()];
    tf.tidy(() => {
      const [rows, weight] = [tf.linspace(-9, 9, 3001).reshape([-1, 1]), tf.tensor2d([[1, -1, 12, 0.001]])];
      const bias = tf.tensor1d([0, 0.3, -1, -6]);
      const plain = tf.matMul(rows, weight).add(bias);
      expect(linear(rows, weight, bias).dataSync()).toEqual(plain.dataSync());
      const [got, expected] = [linearGelu(rows, weight, bias), gelu(plain)].map((x) => x.dataSync());
      const worst = [...got].reduce((most, value, n) => Math.max(most, Math.abs(value - expected[n])), 0);
      expect(worst).toBeLessThan(5e-7);
      expect(linearGelu(tf.tensor2d([[-100]]), tf.ones([1, 1]), tf.zeros([1])).dataSync()[0]).toBeCloseTo(
        0,
        12,
      );
      expect(linearGelu(tf.tensor2d([[NaN]]), tf.ones([1, 1]), tf.zeros([1])).dataSync()[0]).toBeNaN();
    });
    expect([tf.memory().numTensors, tf.backend().numDataIds()]).toEqual(before);
  });

  it("is registered once, however often it is asked for", () => {
    const before = ["Slice", "BatchMatMul", LINEAR].map((name) => tf.getKernel(name, "wasm"));
    registerWasmKernels();
    expect(["Slice", "BatchMatMul", LINEAR].map((name) => tf.getKernel(name, "wasm"))).toEqual(before);
  });
});

/** What the products are by definition. */
function products(
  x: tf.Tensor,
  y: tf.Tensor,
  transposeA: boolean,
  transposeB: boolean,
  shape: number[],
): number[] {
  const [rows, columns] = shape.slice(-2);
  const inner = x.shape.at(transposeA ? -2 : -1)!;
  const batch = shape.slice(0, -2);
  const [left, right] = [x, y].map((t) => [...t.broadcastTo([...batch, ...t.shape.slice(-2)]).dataSync()]);
  const out: number[] = [];
  for (let n = 0; n < tf.util.sizeFromShape(batch); n++)
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) {
        let sum = 0;
        for (let k = 0; k < inner; k++)
          sum +=
            left[n * rows * inner + (transposeA ? k * rows + r : r * inner + k)] *
            right[n * inner * columns + (transposeB ? c * inner + k : k * columns + c)];
        out.push(sum);
      }
  return out;
}
