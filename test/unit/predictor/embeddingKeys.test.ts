import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import { Relu } from "../../../src/layers/activation.js";
import { Linear } from "../../../src/layers/linear.js";
import type { ImageEncoder } from "../../../src/model/imageEncoder.js";
import { featureValues, disposeFeatures } from "../../../src/model/features.js";
import type { Sam } from "../../../src/model/sam.js";
import { MemoryEmbeddingCache } from "../../../src/predictor/embeddingCache.js";
import type { Preset } from "../../../src/predictor/presets.js";
import { MEDSAM_INFERENCE, prepareImage } from "../../../src/predictor/presetTable.js";
import { SamPredictor } from "../../../src/predictor/samPredictor.js";
import { FrozenEncoder } from "../../../src/train/embeddings.js";
import { seededParameters } from "../../../src/weights/paramScope.js";
import { smallestSam } from "../train/tinyTraining.js";

const IMAGE = {
  width: 20,
  height: 16,
  channels: 1,
  data: Uint8Array.from({ length: 320 }, (_, n) => (n * 29) % 256),
} as const;

class CountingCache extends MemoryEmbeddingCache {
  stored = 0;
  override set(key: string, values: Float32Array): Promise<void> {
    this.stored++;
    return super.set(key, values);
  }
}

/** The same name and the same code, another value. */
const scaledInput = (scale: number): Preset => ({
  ...MEDSAM_INFERENCE,
  prepare: (image, side) => {
    const { pixels, frame } = MEDSAM_INFERENCE.prepare(image, side);
    return { pixels: pixels.map((value) => scale * value), frame };
  },
});
const scaledIntensity = (scale: number): Preset => ({
  ...MEDSAM_INFERENCE,
  intensity: {
    ...MEDSAM_INFERENCE.intensity,
    scale: (values) => Uint8Array.from(values, (value) => scale * value ** 2),
  },
});

describe("what is kept of an encoder", () => {
  let model: Sam;
  let cache: CountingCache;
  beforeAll(() => useBackend("cpu"));
  beforeEach(() => {
    model = smallestSam();
    cache = new CountingCache(1e6);
  });
  afterEach(() => {
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });

  const block = () => (model.imageEncoder as ImageEncoder).blocks[0];
  const mlp = () => block().mlp;

  /** Logits by a predictor with the cache, which must be those of one without. */
  async function predict(preset: Preset, kept = new SamPredictor(model, { preset, cache })): Promise<void> {
    const logits = [];
    for (const predictor of [kept, new SamPredictor(model, { preset })]) {
      await predictor.setImage(IMAGE);
      logits.push((await predictor.predict({ box: [2, 3, 15, 12] })).lowResLogits[0].data);
      await predictor.resetImage();
    }
    expect(logits[0]).toEqual(logits[1]);
  }

  it.each([
    ["prepare", scaledInput(1), scaledInput(2)],
    ["intensity", scaledIntensity(0.1), scaledIntensity(0.2)],
    ["the package's prepare", MEDSAM_INFERENCE, scaledInput(1)],
  ])("is not another preset's with its name: %s", async (_, first, second) => {
    for (const preset of [first, second, second, first]) await predict(preset);
    expect(cache.stored).toBe(2);
  });

  it("is shared by presets that differ after the encoder alone", async () => {
    await predict(MEDSAM_INFERENCE);
    await predict({ ...MEDSAM_INFERENCE, name: "of my own", threshold: 0.3 });
    expect(cache.stored).toBe(1);
  });

  class Halved extends Linear {
    constructor(
      of: Linear,
      readonly factor: number,
    ) {
      super(seededParameters(1), { inFeatures: 1, outFeatures: 1 });
      super.dispose();
      Object.assign(this, { weight: of.weight, bias: of.bias });
    }
    override forward(x: tf.Tensor): tf.Tensor {
      return super.forward(x).mul(this.factor);
    }
  }
  const changes: Readonly<Record<string, () => void>> = {
    "a layer without parameters": () => (mlp().act = new Relu()),
    "a layer of a class of one's own": () => (mlp().lin1 = new Halved(mlp().lin1 as Linear, 0.5)),
    "a value in a layer": () => (block().windowSize = 2),
    "a forward put in place": () => (mlp().act.forward = (x) => x.neg()),
    "a layer of the same class": () => {
      const { lin2 } = mlp();
      mlp().lin2 = new Linear(seededParameters(9), { inFeatures: 24, outFeatures: 12 });
      lin2.dispose();
    },
  };
  it.each(Object.entries(changes))("is not the one's before a change: %s", async (_, change) => {
    const predictor = new SamPredictor(model, { cache });
    await predict(MEDSAM_INFERENCE, predictor);
    await predict(MEDSAM_INFERENCE);
    expect(cache.stored).toBe(1);
    change();
    await predict(MEDSAM_INFERENCE, predictor);
    await predict(MEDSAM_INFERENCE);
    expect(cache.stored).toBe(2);
  });

  it("tells two values of one class of one's own apart", async () => {
    const lin1 = mlp().lin1 as Linear;
    for (const factor of [0.5, 2, 0.5]) {
      mlp().lin1 = new Halved(lin1, factor);
      await predict(MEDSAM_INFERENCE);
    }
    expect(cache.stored).toBe(2);
  });

  it("is what training takes, for whom the same holds", async () => {
    const embed = async (preset: Preset) => {
      const { pixels } = prepareImage(preset, IMAGE, model.config.imageSize);
      const got = await new FrozenEncoder(model, preset, cache).embed(IMAGE, () => pixels);
      const images = tf.tensor4d(pixels, [1, 32, 32, 3]);
      const features = model.encode(images);
      images.dispose();
      expect(got).toEqual(await featureValues(features));
      disposeFeatures(features);
    };
    await predict(scaledInput(1));
    await embed(scaledInput(1));
    expect(cache.stored).toBe(1);
    await embed(scaledInput(3));
    mlp().act = new Relu();
    await embed(scaledInput(3));
    expect(cache.stored).toBe(3);
  });
});
