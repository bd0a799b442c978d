import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import { trace } from "../../../src/inspect/trace.js";
import type { Layer } from "../../../src/layers/layer.js";
import { Recomputed } from "../../../src/layers/recomputed.js";
import { ImageEncoder } from "../../../src/model/imageEncoder.js";
import { differentiate } from "../../../src/ops/autograd.js";
import type { Parameter } from "../../../src/weights/paramScope.js";
import { oracleParameters } from "../../parity/oracle.js";

const CONFIG = {
  family: "sam",
  imageSize: 32,
  patchSize: 4,
  promptEmbedDim: 8,
  maskInChans: 4,
  imageEncoder: {
    type: "ViT",
    embedDim: 12,
    depth: 6,
    numHeads: 3,
    mlpRatio: 4,
    windowSize: 3,
    globalAttnIndexes: [2, 5],
  },
  maskDecoder: {
    depth: 2,
    numHeads: 2,
    mlpDim: 8,
    numMultimaskOutputs: 3,
    iouHeadDepth: 3,
    iouHeadHiddenDim: 8,
  },
} as const;

const build = () => new ImageEncoder(oracleParameters(), CONFIG.imageEncoder, CONFIG);

function makeRecomputed(encoder: ImageEncoder, trained: Iterable<Parameter>): void {
  const set = new Set(trained);
  const blocks: Layer[] = encoder.blocks;
  for (const [index, block] of blocks.entries()) blocks[index] = new Recomputed(block, set);
}

/** Loss, gradients of all parameters, and the most bytes that lived at once. */
async function profiled(encoder: ImageEncoder) {
  const image = tf.randomUniform([1, 32, 32, 3], 0, 1, "float32", 5);
  const variables = [...encoder.namedParameters().values()].map(({ value }) => value);
  let gradients: (number[] | undefined)[] = [];
  const before = tf.memory().numBytes;
  const { peakBytes } = await tf.profile(() =>
    tf.tidy(() => {
      const result = differentiate(() => encoder.call(image).square().mean(), variables);
      gradients = result.gradients.map((gradient) => gradient && [...gradient.dataSync()]);
    }),
  );
  image.dispose();
  return { gradients, peak: peakBytes - before };
}

describe("a recomputed layer", () => {
  beforeAll(() => useBackend("cpu"));
  afterEach(() => expect(tf.memory().numTensors).toBe(0));

  it("has the gradients of the plain tape, to the bit, at less than half of its peak", async () => {
    const encoder = build();
    const plain = await profiled(encoder);
    makeRecomputed(encoder, encoder.namedParameters().values());
    const again = await profiled(encoder);
    expect(again.gradients).toEqual(plain.gradients);
    expect(again.gradients.every((gradient) => gradient !== undefined)).toBe(true);
    expect(again.peak).toBeLessThan(0.5 * plain.peak);
    encoder.dispose();
  });

  it("is not seen in paths nor traces", async () => {
    const encoder = build();
    const image = tf.zeros([1, 32, 32, 3]);
    const seen = async () => {
      const { result, tensors } = await trace(encoder, ["**"], () => encoder.call(image));
      result.dispose();
      return tensors;
    };
    const [paths, traced] = [[...encoder.namedParameters().keys()], await seen()];
    makeRecomputed(encoder, []);
    expect([...encoder.namedParameters().keys()]).toEqual(paths);
    expect(await seen()).toEqual(traced);
    tf.dispose(image);
    encoder.dispose();
  });

  it("takes parameters that do not train as constants", () => {
    const encoder = build();
    const parameters = encoder.namedParameters();
    const trained = new Map([...parameters].filter(([path]) => path.endsWith("norm1.bias")));
    makeRecomputed(encoder, trained.values());
    const image = tf.zeros([1, 32, 32, 3]);
    const [bias, weight] = ["blocks.1.norm1.bias", "blocks.1.norm1.weight"].map(
      (path) => parameters.get(path)!.value,
    );
    tf.tidy(() => {
      const { gradients } = differentiate(() => encoder.call(image).mean(), [bias, weight]);
      expect(gradients.map((gradient) => gradient?.shape)).toEqual([[12], undefined]);
    });
    image.dispose();
    encoder.dispose();
  });
});
