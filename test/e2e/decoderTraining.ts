import type { Sam } from "../../src/model/sam.js";
import { finetune } from "../../src/train/finetune.js";
import { rectangles, smallestSam } from "../unit/train/tinyTraining.js";

/** What a short training of the decoder alone came to. */
export interface DecoderTraining {
  /** Of each step. */
  readonly losses: readonly number[];
  /** Names of the tensors that changed. */
  readonly changed: readonly string[];
}

/** Trains the decoder of the smallest network on rectangles, on the backend in use; runs anywhere. */
export async function trainDecoder(): Promise<DecoderTraining> {
  const model = smallestSam();
  const before = snapshot(model);
  const losses: number[] = [];
  await finetune({
    ...{ model, data: rectangles(5), train: "decoder", steps: 12, learningRate: 3e-3, seed: 3 },
    onStep: ({ loss }) => void losses.push(loss),
  });
  const after = snapshot(model);
  model.dispose();
  return { losses, changed: [...after.keys()].filter((name) => !same(before.get(name)!, after.get(name)!)) };
}

function snapshot(model: Sam): Map<string, Float32Array> {
  return new Map([...model.namedParameters()].map(([name, parameter]) => [name, parameter.toTorch()]));
}

function same(a: Float32Array, b: Float32Array): boolean {
  return a.every((value, n) => value === b[n]);
}
