import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import {
  disposeFeatures,
  featureBytes,
  featuresFrom,
  featureSize,
  featureTensors,
  featureValues,
  mapFeatures,
  type FeatureShapes,
  type ImageFeatures,
} from "../../../src/model/features.js";
import type { MaskPredictions } from "../../../src/model/maskDecoder.js";
import type { Prompts } from "../../../src/model/promptEncoder.js";
import { Sam } from "../../../src/model/sam.js";
import { MemoryEmbeddingCache } from "../../../src/predictor/embeddingCache.js";
import { MEDSAM_INFERENCE } from "../../../src/predictor/presetTable.js";
import { SamPredictor } from "../../../src/predictor/samPredictor.js";
import { batchLoss } from "../../../src/train/batchLoss.js";
import { BatchReader, disposeBatch } from "../../../src/train/batches.js";
import { FrozenEncoder } from "../../../src/train/embeddings.js";
import { Sampler } from "../../../src/train/sample.js";
import { completeSettings } from "../../../src/train/settings.js";
import { seededParameters } from "../../../src/weights/paramScope.js";
import { rectangles, SMALLEST } from "../train/tinyTraining.js";

let encoded = 0;

/** A SAM whose decoder also sees the picture at two finer sizes, as SAM 2's does. */
class FinerSam extends Sam {
  override get featureShapes(): FeatureShapes {
    return { ...super.featureShapes, highRes: [[16, 16, 1], [8, 8, 2]] }; // prettier-ignore
  }

  override encode(images: tf.Tensor): ImageFeatures {
    encoded++;
    return { ...super.encode(images), highRes: finer(images) };
  }

  override *encodeInSteps(images: tf.Tensor): Generator<number, ImageFeatures> {
    encoded++;
    const features = yield* super.encodeInSteps(images);
    return { ...features, highRes: finer(images) };
  }

  override decode(features: ImageFeatures, prompts: Prompts, multimask: boolean): MaskPredictions {
    return tf.tidy(() => {
      const { masks, iouPredictions } = super.decode(features, prompts, multimask);
      const [fine, coarse] = features.highRes!;
      const [first, second] = coarse.split(2, 3);
      const detail = fine.add(tf.image.resizeNearestNeighbor(first.sub<tf.Tensor4D>(second), [16, 16]));
      return { masks: masks.add(detail.transpose([0, 3, 1, 2])), iouPredictions };
    });
  }
}

function finer(images: tf.Tensor): tf.Tensor[] {
  const mean = (side: number) => tf.avgPool(images as tf.Tensor4D, 32 / side, 32 / side, "valid");
  return tf.tidy(() => [mean(16).sum(3, true), mean(8).slice([0, 0, 0, 0], [-1, -1, -1, 2])]);
}

let model: FinerSam;
beforeAll(async () => {
  await useBackend("cpu");
  model = new FinerSam(seededParameters(5), SMALLEST);
});
afterAll(() => {
  model.dispose();
  expect(tf.memory().numTensors).toBe(0);
});

test("features of several images are put together from numbers, map by map", async () => {
  const images = [1, 2].map((n) => tf.fill([1, 32, 32, 3], n));
  const [a, b] = images.map((image) => model.encode(image));
  const values = await Promise.all([featureValues(a), featureValues(b)]);
  expect(values.map(({ length }) => length)).toEqual([640, 640]);
  expect(featureSize(model.featureShapes)).toBe(640);

  const both = featuresFrom(values, model.featureShapes);
  expect(featureTensors(both).map(({ shape }) => shape)).toEqual([[2, 4, 4, 16], [2, 16, 16, 1], [2, 8, 8, 2]]); // prettier-ignore
  expect(featureBytes(both)).toBe(2 * 4 * 640);
  const second = mapFeatures(both, (map) => map.slice([1]));
  expect(await featureValues(second)).toEqual(values[1]);
  for (const features of [a, b, both, second]) disposeFeatures(features);
  tf.dispose(images);
});

test("a cache, and an image that is taken out and put back, carry all maps", async () => {
  const { image } = await rectangles(1).read(0);
  const box = [4, 4, 20, 18] as const;
  const cache = new MemoryEmbeddingCache(1e6);
  const before = tf.memory().numTensors;
  const logits: Float32Array[] = [];
  for (const options of [{}, { cache }, { cache }]) {
    const predictor = new SamPredictor(model, options);
    await predictor.setImage(image);
    const taken = (await predictor.takeImage())!;
    expect(taken.bytes).toBe(3 * image.data.length + 4 * 640);
    await predictor.putImage(taken);
    logits.push((await predictor.predict({ box })).lowResLogits[0].data);
    expect(tf.memory().numTensors).toBe(before + 3);
    await predictor.dispose();
    expect(tf.memory().numTensors).toBe(before);
  }
  expect(encoded).toBe(2 + 2); // two by the test before, and none for the third
  expect(logits[1]).toEqual(logits[0]);
  expect(logits[2]).toEqual(logits[0]);
});

test("encoding that is stopped leaves nothing behind", async () => {
  const { image } = await rectangles(1).read(0);
  const before = tf.memory().numTensors;
  const predictor = new SamPredictor(model);
  const stop = new AbortController();
  const call = predictor.setImage(image, { signal: stop.signal, onProgress: () => stop.abort() });
  await expect(call).rejects.toThrow(/abort/);
  await predictor.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

test("training on features of a frozen encoder has the loss of training on the images", async () => {
  const settings = completeSettings({ steps: 1, batch: 2, promptsPerImage: 2 });
  const sampler = new Sampler({ preset: MEDSAM_INFERENCE, side: 32, promptsPerImage: 2, jitter: 2, crop: 0, flips: false }); // prettier-ignore
  const frozen = new FrozenEncoder(model, MEDSAM_INFERENCE, new MemoryEmbeddingCache(1e6));
  const losses: number[] = [];
  for (const encoder of [undefined, frozen, frozen]) {
    const before = tf.memory().numTensors;
    const reader = new BatchReader(rectangles(2), model, sampler, settings, encoder);
    const [loaded] = await reader.read(0);
    const batch = reader.toDevice(loaded);
    const loss = batchLoss(model, batch);
    losses.push(loss.dataSync()[0]);
    loss.dispose();
    disposeBatch(batch);
    expect(tf.memory().numTensors).toBe(before);
  }
  expect(losses[1]).toBeCloseTo(losses[0], 6);
  expect(losses[2]).toBe(losses[1]);
});
