import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
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

  it("is registered once, however often it is asked for", () => {
    const before = tf.getKernel("Slice", "wasm");
    registerWasmKernels();
    expect(tf.getKernel("Slice", "wasm")).toBe(before);
  });
});
