import * as tf from "@tensorflow/tfjs";
import { expect, test } from "vitest";
import { OutOfMemoryError } from "../../../src/backend/outOfMemory.js";
import { useBackend } from "../../../src/backend/useBackend.node.js";
import type { WasmAllocator } from "../../../src/backend/wasmOutOfMemory.js";

test("wasm says that its memory is full, and goes on when there is room again", async () => {
  await useBackend("wasm");
  await useBackend("wasm"); // the second time changes nothing
  const { wasm } = tf.backend() as unknown as WasmAllocator;
  const before = tf.memory().numTensors;
  const taken: number[] = [];
  // Places are asked for and not written to: this takes addresses, not the machine's memory.
  const fill = (bytes: number) => {
    try {
      for (;;) taken.push(wasm._malloc(bytes));
    } catch (error) {
      return error;
    }
  };
  expect(fill(2 ** 28)).toBeInstanceOf(OutOfMemoryError);
  fill(2 ** 20);
  expect(() => tf.zeros([2 ** 20])).toThrow(
    /out of memory: WebAssembly has no room for 4,194,304 bytes more/,
  );
  for (const place of taken) wasm._free(place);
  const ones = tf.ones([2 ** 20]);
  const sum = tf.sum(ones);
  expect(await sum.data()).toEqual(Float32Array.of(2 ** 20));
  tf.dispose([ones, sum]);
  expect(tf.memory().numTensors).toBe(before);
});
