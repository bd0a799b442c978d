import * as tf from "@tensorflow/tfjs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { assertSelfTest } from "../selfTest.js";
import { runSelfTest } from "../selfTest.node.js";
import { startBackend } from "../startBackend.js";
import { registerTensorflow } from "../tensorflow.node.js";
import type { CheckRequest, CheckResult } from "./check.node.js";

// Runs as a process of its own: starts the installation named in the argument, computes, prints one line.

let result: CheckResult;
try {
  result = await check(JSON.parse(process.argv[2]) as CheckRequest);
} catch (error) {
  result = { error: error instanceof Error ? error.message : String(error) };
}
process.stdout.write(`\nMEDSAM-CHECK ${JSON.stringify(result)}\n`);

async function check(request: CheckRequest): Promise<CheckResult> {
  request.cuda.forEach(assertLoads);
  await startBackend(
    new Map([["tensorflow", () => registerTensorflow(request, { tf32: false })]]),
    "tensorflow",
  );
  tf.tidy(() => {
    const a = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    expectValues("a matrix product", a.matMul(a), [7, 10, 15, 22]);
    const image = tf.range(0, 9).reshape<tf.Tensor4D>([1, 3, 3, 1]);
    expectValues("a convolution", tf.conv2d(image, tf.ones([2, 2, 1, 1]), 1, "valid"), [8, 12, 20, 24]);
    expectValues("the error function", tf.tensor1d([0, 1]).erf(), [0, 0.8427008]);
    expectValues("softmax of large values", tf.tensor2d([[1e4, 1e4, 0]]).softmax(), [0.5, 0.5, 0]);
    expectValues("a gradient", tf.grad((x: tf.Tensor) => x.square().sum())(a), [2, 4, 6, 8]);
  });
  assertSelfTest(await runSelfTest());
  const binding = createRequire(import.meta.url)(request.addon) as { readonly TF_Version: string };
  return { tensorflow: binding.TF_Version, threads: availableParallelism(), gflops: measureRate() };
}

function expectValues(what: string, tensor: tf.Tensor, expected: readonly number[]): void {
  const got = [...tensor.dataSync()];
  const wrong =
    got.length !== expected.length || got.some((value, n) => !(Math.abs(value - expected[n]) < 1e-5));
  if (wrong) throw new Error(`${what} gave ${got.join(", ")}, expected ${expected.join(", ")}`);
}

/** Billions of floating-point operations a second in the largest product of a ViT-B encoder, the best of five. */
function measureRate(): number {
  const [rows, inner, columns] = [4096, 768, 3072];
  const [x, y] = [tf.randomUniform([rows, inner]), tf.randomUniform([inner, columns])];
  let best = Infinity;
  for (let n = 0; n < 5; n++) {
    const start = performance.now();
    // One value is read: a GPU computes behind the program's back until something is.
    tf.tidy(() => tf.matMul(x, y).slice([0, 0], [1, 1]).dataSync());
    best = Math.min(best, performance.now() - start);
  }
  tf.dispose([x, y]);
  return Math.round((2 * rows * inner * columns) / best / 1e6);
}

/**
 * Loads a library that is no addon. Node loads it first and then misses an addon's registration, so that complaint
 * says that the library, and all that it needs, is there.
 */
function assertLoads(library: string): void {
  try {
    process.dlopen({ exports: {} }, library);
  } catch (error) {
    // One of cuDNN's libraries asks for the driver's, which is not ours to bring.
    if (!/did not self-register|^libcuda\.so/.test((error as Error).message)) throw error;
  }
}
