import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { MEDSAM_INFERENCE, MEDSAM_TINY } from "../../../src/predictor/presetTable.js";
import { SamPredictor } from "../../../src/predictor/samPredictor.js";
import { MemoryEmbeddingCache } from "../../../src/predictor/embeddingCache.js";
import { finetune, type FinetuneOptions } from "../../../src/train/finetune.js";
import { plainTensors } from "../../../src/train/plainTensors.js";
import { Trainer, type TrainingStep } from "../../../src/train/trainer.js";
import { bytesSource } from "../../../src/weights/byteSource.js";
import type { Checkpoint } from "../../../src/weights/checkpoint.js";
import type { Layer } from "../../../src/layers/layer.js";
import { Recomputed } from "../../../src/layers/recomputed.js";
import type { ImageEncoder } from "../../../src/model/imageEncoder.js";
import { buildSam } from "../../../src/model/load.js";
import { readSafetensors } from "../../../src/weights/safetensors.js";
import { safetensorsBytes, type TensorToWrite } from "../../../src/weights/safetensorsWriter.js";
import { onBackend } from "./fixtures.js";
import { rectangles, SMALLEST, smallestSam } from "./tinyTraining.js";

function written(tensors: readonly TensorToWrite[], metadata: Readonly<Record<string, string>>): Checkpoint {
  return readSafetensors(bytesSource(safetensorsBytes(tensors, metadata), "state"));
}

const weightsOf = (model: ReturnType<typeof smallestSam>) => safetensorsBytes(plainTensors(model));

const BASE = {
  data: rectangles(5),
  train: "encoder+decoder",
  steps: 6,
  learningRate: 3e-3,
  flips: true,
  seed: 3,
} as const satisfies Omit<FinetuneOptions, "model">;

describe("a training", () => {
  onBackend("cpu");

  it("goes on bit for bit from a state, and the same again from the start", async () => {
    const whole = smallestSam();
    const losses: number[] = [];
    await finetune({ ...BASE, model: whole, onStep: ({ loss }) => void losses.push(loss) });

    const stop = new AbortController();
    let saved: Checkpoint | undefined;
    const first = smallestSam();
    const stopped = finetune({
      ...BASE,
      model: first,
      signal: stop.signal,
      onStep: ({ step }) => step === 4 && stop.abort(new Error("enough")),
      onCheckpoint: ({ state, metadata }) => void (saved = written(state, metadata)),
    } as FinetuneOptions);
    await expect(stopped).rejects.toThrow("enough");
    expect(saved?.metadata).toEqual({ step: "4" });
    first.dispose();

    const second = smallestSam();
    const later: number[] = [];
    await finetune({ ...BASE, model: second, resume: saved!, onStep: ({ loss }) => void later.push(loss) });
    expect(later).toEqual(losses.slice(4));
    expect(weightsOf(second)).toEqual(weightsOf(whole));
    for (const model of [whole, second]) model.dispose();
  });

  it.each([
    ["before it", "step"],
    ["in the middle of it", "reading"],
  ])("makes a validation later that a stop took away, %s", async (_, moment) => {
    const options = { ...BASE, saveEvery: 1, validateEvery: 2 } as const;
    async function train(stopAt?: number, resume?: Checkpoint) {
      const model = smallestSam();
      const stop = new AbortController();
      const told = { validations: [] as [number, number][], bests: [] as number[] };
      let saved: Checkpoint | undefined;
      let [step, reached] = [0, false];
      const validation = rectangles(2, 50);
      const result = await finetune({
        ...options,
        ...{ model, signal: stop.signal, ...(resume && { resume }) },
        validation: {
          ...validation,
          read: (index) => {
            if (moment === "reading" && step === stopAt && index === 0) stop.abort(new Error("enough"));
            return validation.read(index);
          },
        },
        onStep: (made) => {
          step = made.step;
          if (moment === "step" && step === stopAt) stop.abort(new Error("enough"));
        },
        onValidation: (at, { dice }) => void told.validations.push([at, dice]),
        onCheckpoint: (checkpoint) => {
          saved = written(checkpoint.state, checkpoint.metadata);
          if (checkpoint.isBest) told.bests.push(checkpoint.step);
        },
      }).catch((error: unknown) => {
        reached = String(error) === "Error: enough";
      });
      model.dispose();
      return { ...told, result, saved: saved!, reached };
    }
    const whole = await train();
    for (const stopAt of [4, 6]) {
      const first = await train(stopAt);
      expect(first.reached).toBe(true);
      const second = await train(undefined, first.saved);
      expect([...first.validations, ...second.validations]).toEqual(whole.validations);
      expect([...first.bests, ...second.bests]).toEqual(whole.bests);
      expect(second.result).toMatchObject({ bestDice: (whole.result as { bestDice: number }).bestDice });
      expect(second.saved.metadata).toEqual(whole.saved.metadata);
    }
  });

  it("learns, validates before and after, and scores as the predictor does", async () => {
    const model = smallestSam();
    const validation = rectangles(2, 50);
    const validations: [number, number][] = [];
    const bests: number[] = [];
    const result = await finetune({
      ...BASE,
      model,
      steps: 60,
      validation,
      learningRate: 5e-3,
      validateEvery: 20,
      onValidation: (step, { dice }) => void validations.push([step, dice]),
      onCheckpoint: ({ step, isBest }) => void (isBest && bests.push(step)),
    });
    expect(validations.map(([step]) => step)).toEqual([0, 20, 40, 60]);
    expect(result.bestDice).toBeGreaterThan(validations[0][1] + 0.1);
    expect(result.bestDice).toBe(Math.max(...validations.slice(1).map(([, dice]) => dice)));
    expect(bests.at(-1)).toBe(validations.find(([, dice]) => dice === result.bestDice)?.[0]);

    const predictor = new SamPredictor(model, { preset: MEDSAM_INFERENCE });
    for (const { image, box, predicted } of result.validation!.shown) {
      await predictor.setImage(image);
      const { masks } = await predictor.predict({ box });
      expect(masks[0]).toEqual(predicted);
    }
    expect(result.validation!.scores.length).toBe(4);
    await predictor.dispose();
    model.dispose();
  });

  it("trains on crops around objects as the preset says, and scores as the predictor does with it", async () => {
    const model = smallestSam();
    // The lower right object first: its crop does not begin at the image's corner, and it is the one that is shown.
    const data = rectangles(2, 50);
    const validation = {
      ...data,
      read: async (index: number) => {
        const { objects, ...found } = await data.read(index);
        return { ...found, objects: [...objects].reverse() };
      },
    };
    const result = await finetune({ ...BASE, model, preset: MEDSAM_TINY, steps: 40, validation, learningRate: 5e-3 }); // prettier-ignore
    const cropping = new SamPredictor(model, { preset: MEDSAM_TINY });
    const whole = new SamPredictor(model, { preset: MEDSAM_INFERENCE });
    let differ = false;
    for (const { image, box, predicted } of result.validation!.shown) {
      for (const predictor of [cropping, whole]) await predictor.setImage(image);
      expect((await cropping.predict({ box })).masks[0]).toEqual(predicted);
      const { masks } = await whole.predict({ box });
      differ ||= masks[0].data.some((value, n) => value !== predicted.data[n]);
    }
    expect(differ).toBe(true);
    await cropping.dispose();
    await whole.dispose();
    model.dispose();
  });

  it("computes the embedding of a frozen encoder once, and trains the decoder alone", async () => {
    const cache = new MemoryEmbeddingCache(2 ** 20);
    let misses = 0;
    const counting = {
      get: (key: string) => cache.get(key),
      set: (key: string, values: Float32Array) => (misses++, cache.set(key, values)),
    };
    const options = { ...BASE, train: "decoder", flips: false, steps: 8 } as const;
    const cached = smallestSam();
    await finetune({ ...options, model: cached, cache: counting });
    expect(misses).toBe(5);
    const forgetful = smallestSam();
    await finetune({ ...options, model: forgetful, cache: new MemoryEmbeddingCache(0) });
    expect(weightsOf(cached)).toEqual(weightsOf(forgetful));

    const fresh = smallestSam();
    const [before, after] = [fresh, cached].map((model) => model.namedParameters());
    const changed = [...after].filter(([path, { value }]) => {
      const [a, b] = [value.dataSync(), before.get(path)!.value.dataSync()];
      return a.some((x, n) => x !== b[n]);
    });
    expect(changed.length).toBeGreaterThan(50);
    expect(changed.every(([path]) => path.startsWith("mask_decoder."))).toBe(true);
    for (const model of [cached, forgetful, fresh]) model.dispose();
  });

  it("sums gradients of small batches to that of a large one", async () => {
    const run = async (batch: number, accumulate: number) => {
      const model = smallestSam();
      const steps: TrainingStep[] = [];
      await finetune({
        ...BASE,
        model,
        steps: 2,
        batch,
        accumulate,
        onStep: (step) => void steps.push(step),
      });
      model.dispose();
      return steps;
    };
    const [together, apart] = [await run(4, 1), await run(1, 4)];
    for (const [n, { loss, gradientNorm }] of together.entries()) {
      expect(apart[n].loss).toBeCloseTo(loss, 4);
      expect(apart[n].gradientNorm / gradientNorm).toBeCloseTo(1, 3);
    }
  });

  it.each(["sam", "medsam"] as const)(
    "trains with either prompt, several an image, by %s's loss",
    async (loss) => {
      const model = smallestSam();
      const steps: TrainingStep[] = [];
      await finetune({
        ...BASE,
        model,
        train: "all",
        loss,
        prompts: "either",
        promptsPerImage: 3,
        clip: 0.1,
        decayNorms: false,
        schedule: "cosine",
        warmUp: 2,
        onStep: (step) => void steps.push(step),
      });
      expect(steps.map(({ learningRate }) => learningRate / BASE.learningRate)).toEqual(
        [1 / 3, 2 / 3, 1, ...[1, 2, 3].map((n) => (1 + Math.cos((Math.PI * n) / 4)) / 2)].map(
          (factor) => expect.closeTo(factor, 6) as number,
        ),
      );
      model.dispose();
    },
  );

  it("leaves layers that were recomputed before as they are", () => {
    const model = smallestSam();
    const blocks: Layer[] = (model.imageEncoder as ImageEncoder).blocks;
    const own = new Recomputed(blocks[1], new Set(blocks[1].namedParameters().values()));
    blocks[1] = own;
    new Trainer(model, { train: "decoder", steps: 1 }).dispose();
    expect(blocks[1]).toBe(own);
    model.dispose();
  });

  it("trains adapters and gives weights that any SAM loads", async () => {
    const model = smallestSam();
    let merged: Checkpoint | undefined;
    await finetune({
      ...BASE,
      model,
      train: "lora",
      steps: 3,
      onCheckpoint: ({ model: tensors }) => void (merged = written(tensors, {})),
    });
    const plain = buildSam(merged!, { config: SMALLEST }).model;
    expect([...model.namedParameters().keys()].filter((path) => path.includes(".lora.")).length).toBe(8);
    const image = tf.fill([1, 32, 32, 3], 0.3);
    const [a, b] = [model, plain].map((sam) => sam.imageEncoder.call(image));
    const apart = (x: tf.Tensor, y: tf.Tensor) => tf.tidy(() => x.sub(y).abs().max().dataSync()[0]);
    expect(apart(a, b)).toBeLessThan(1e-5);
    const untouched = smallestSam();
    const c = untouched.imageEncoder.call(image);
    expect(apart(a, c)).toBeGreaterThan(1e-3);
    for (const sam of [model, plain, untouched]) sam.dispose();
    tf.dispose([image, a, b, c]);
  });
});
