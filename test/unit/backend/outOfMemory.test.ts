import { expect, test } from "vitest";
import { explainOutOfMemory } from "../../../src/backend/outOfMemory.js";

// As TensorFlow 2.21 writes it; the device is what differs on a GPU.
const message = (device: string) =>
  "Invalid TF_Status: 8\nMessage: OOM when allocating tensor with shape[16,12,4096,4096] and type float on " +
  `/job:localhost/replica:0/task:0/device:${device}:0 by allocator ${device === "GPU" ? "GPU_0_bfc" : "mklcpu"}`;

test("says what to lower when the processor's memory runs out", () => {
  expect(explainOutOfMemory(message("CPU"))).toBe(
    "out of memory: no room for a tensor of 16 x 12 x 4096 x 4096 numbers. Lower the number of images or prompts " +
      "at once (in training the batch size), take a smaller model, end other programs that hold this memory",
  );
});

test("names the GPU's memory, and the way around it", () => {
  const explained = explainOutOfMemory(message("GPU"));
  expect(explained).toMatch(
    /^out of the GPU's memory: no room for a tensor of 16 x 12 x 4096 x 4096 numbers/,
  );
  expect(explained).toContain("CUDA_VISIBLE_DEVICES=-1");
  expect(explained).not.toContain("\n");
});

test("leaves other errors alone", () => {
  expect(explainOutOfMemory("Invalid TF_Status: 3\nMessage: Matrix size-incompatible")).toBeUndefined();
});
