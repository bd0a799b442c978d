import * as tf from "@tensorflow/tfjs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { registerTensorflow, type TensorflowFiles } from "../tensorflow.node.js";

// Runs as a process of its own: starts the installation named in the argument, computes, prints one line.

const files = JSON.parse(process.argv[2]) as TensorflowFiles;
registerTensorflow(files);
if (!(await tf.setBackend("tensorflow"))) throw new Error("TensorFlow.js did not take the backend");

function expectValues(what: string, tensor: tf.Tensor, expected: readonly number[]): void {
  const got = [...tensor.dataSync()];
  const wrong =
    got.length !== expected.length || got.some((value, n) => !(Math.abs(value - expected[n]) < 1e-5));
  if (wrong) throw new Error(`${what} gave ${got.join(", ")}, expected ${expected.join(", ")}`);
}

tf.tidy(() => {
  const a = tf.tensor2d([1, 2, 3, 4], [2, 2]);
  expectValues("a matrix product", a.matMul(a), [7, 10, 15, 22]);
  const image = tf.range(0, 9).reshape<tf.Tensor4D>([1, 3, 3, 1]);
  expectValues("a convolution", tf.conv2d(image, tf.ones([2, 2, 1, 1]), 1, "valid"), [8, 12, 20, 24]);
  expectValues("the error function", tf.tensor1d([0, 1]).erf(), [0, 0.8427008]);
  expectValues("softmax of large values", tf.tensor2d([[1e4, 1e4, 0]]).softmax(), [0.5, 0.5, 0]);
  expectValues("a gradient", tf.grad((x: tf.Tensor) => x.square().sum())(a), [2, 4, 6, 8]);
});

const binding = createRequire(import.meta.url)(files.addon) as { readonly TF_Version: string };
const backend = tf.backend() as unknown as { readonly isUsingGpuDevice: boolean };
const side = 2048;
const [x, y] = [tf.randomUniform([side, side]), tf.randomUniform([side, side])];
let best = Infinity;
for (let n = 0; n < 4; n++) {
  const start = performance.now();
  const product = tf.matMul(x, y);
  product.dataSync();
  best = Math.min(best, performance.now() - start);
  product.dispose();
}
const check = {
  tensorflow: binding.TF_Version,
  threads: availableParallelism(),
  gpu: backend.isUsingGpuDevice,
  gflops: Math.round((2 * side ** 3) / best / 1e6),
};
process.stdout.write(`MEDSAM-CHECK ${JSON.stringify(check)}\n`);
