import { describe, expect, it } from "vitest";
import type { TrainingData } from "../../../src/train/cases.js";
import { finetune, type FinetuneOptions } from "../../../src/train/finetune.js";
import { plainTensors } from "../../../src/train/plainTensors.js";
import { TrainingError } from "../../../src/train/trainer.js";
import { safetensorsBytes } from "../../../src/weights/safetensorsWriter.js";
import { onBackend } from "./fixtures.js";
import { rectangles, smallestSam } from "./tinyTraining.js";

const BASE = { data: rectangles(5), steps: 6, train: "encoder+decoder" } as const;

async function failure(options: Partial<FinetuneOptions>): Promise<unknown> {
  const model = smallestSam();
  try {
    return await finetune({ ...BASE, model, ...options }).then(
      () => undefined,
      (error: unknown) => error,
    );
  } finally {
    model.dispose();
  }
}

describe("a training that cannot go on", () => {
  onBackend("cpu");

  it("stops at a loss that is no number, names cases and layer, and keeps the model of the step before", async () => {
    const model = smallestSam();
    let kept: Uint8Array | undefined;
    const saved: number[] = [];
    const training = finetune({
      ...BASE,
      model,
      learningRate: 1e30,
      onStep: () => void (kept = safetensorsBytes(plainTensors(model))),
      onCheckpoint: ({ step }) => void saved.push(step),
    });
    const error = await training.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TrainingError);
    expect((error as Error).message).toMatch(
      /^step 2: the loss is NaN on the batch \[case \d, case \d\]; the first gradient that is not finite: (image_encoder|mask_decoder)\.[a-z0-9_.]+\. The model is as it was before this step; lower the learning rate/,
    );
    expect(safetensorsBytes(plainTensors(model))).toEqual(kept);
    expect(saved).toEqual([]);
    model.dispose();
  });

  it("gives no checkpoint whose weights are not finite", async () => {
    const given: number[] = [];
    const overflowing = await failure({
      learningRate: 1e38,
      weightDecay: 1e38,
      saveEvery: 1,
      onCheckpoint: ({ step }) => void given.push(step),
    });
    expect(String(overflowing)).toMatch(/after step 1, .* is not finite; lower the learning rate/);
    expect(given).toEqual([]);
  });

  const broken = (change: (read: Awaited<ReturnType<TrainingData["read"]>>) => object): TrainingData => ({
    ...BASE.data,
    read: async (index) => {
      const read = await BASE.data.read(index);
      return { ...read, ...change(read) };
    },
  });

  it.each<[string, Partial<FinetuneOptions>, RegExp]>([
    ["no case", { data: rectangles(0) }, /the data have no case/],
    ["no steps", { steps: 0 }, /steps is 0; expected a whole number of at least 1/],
    ["a rate that is no number", { learningRate: NaN }, /learningRate is null; expected a number, 0 or more/],
    ["a rise longer than the run", { warmUp: 6 }, /warmUp is 6; expected less than steps, 6/],
    ["a crop that cuts the object", { crop: 0.5 }, /crop is 0.5; expected at least 1/],
    ["an unknown loss", { loss: "dice" as "sam" }, /loss is "dice"; expected one of medsam, sam/],
    ["an unknown schedule", { schedule: "linear" as "cosine" }, /schedule is "linear"; expected constant/],
    [
      "a pattern that matches nothing",
      { train: { train: ["decoder.**"] } },
      /"decoder.\*\*" matches no trainable parameter; near it/,
    ],
    [
      "a mask of another size",
      {
        data: broken(({ image }) => ({ objects: [{ width: 2, height: 2, data: new Uint8Array(4) }], image })),
      },
      /case \d: mask 0 is 2 x 2; expected 40 x 32/,
    ],
    [
      "an empty mask",
      {
        data: broken(({ objects: [{ width, height }] }) => ({
          objects: [{ width, height, data: new Uint8Array(width * height) }],
        })),
      },
      /case \d: mask 0 is empty/,
    ],
    ["a case without objects", { data: broken(() => ({ objects: [] })) }, /case \d: has no object to learn/],
    [
      "data that cannot be read",
      { data: { ...BASE.data, read: () => Promise.reject(new Error("gone.png: cannot be read")) } },
      /gone.png: cannot be read/,
    ],
  ])("refuses %s", async (_, options, message) => {
    expect(String(await failure(options))).toMatch(message);
  });
});
