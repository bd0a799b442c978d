import { describe, expect, it } from "vitest";
import * as tf from "@tensorflow/tfjs";
import { getThreadsCount } from "@tensorflow/tfjs-backend-wasm";
import { useBackend } from "../../../src/backend/useBackend.js";
import { registerThreadedWasm } from "../../../src/backend/wasmThreads.node.js";

describe("WASM with threads in Node", () => {
  it("runs on as many as asked for, and computes the same", async () => {
    const product = () =>
      tf.tidy(() => {
        const a = tf
          .range(0, 64 * 96)
          .reshape<tf.Tensor2D>([64, 96])
          .div<tf.Tensor2D>(1000);
        return [...tf.matMul(a, a.transpose<tf.Tensor2D>()).dataSync()];
      });
    await useBackend("cpu");
    const expected = product();
    const listeners = process.listenerCount("unhandledRejection");
    registerThreadedWasm(3);
    await useBackend("wasm");
    expect(getThreadsCount()).toBe(3);
    expect(process.listenerCount("unhandledRejection")).toBe(listeners);
    const got = product();
    got.forEach((value, index) => expect(value).toBeCloseTo(expected[index], 2));
  });
});
