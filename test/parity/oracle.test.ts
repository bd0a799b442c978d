import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { observeLayers } from "../../src/layers/layer.js";
import type { SamConfig } from "../../src/model/config.js";
import type { Prompts } from "../../src/model/promptEncoder.js";
import { Sam } from "../../src/model/sam.js";
import { expectNear, summary } from "./golden.js";
import { oracleInput, oracleParameters, oracleStream } from "./oracle.js";

const CONFIG: SamConfig = {
  family: "sam",
  imageSize: 64,
  patchSize: 16,
  imageEncoder: {
    type: "ViT",
    embedDim: 32,
    depth: 3,
    numHeads: 2,
    mlpRatio: 4,
    windowSize: 3,
    globalAttnIndexes: [1],
  },
  promptEmbedDim: 256,
  maskInChans: 16,
  maskDecoder: {
    depth: 2,
    numHeads: 8,
    mlpDim: 2048,
    numMultimaskOutputs: 3,
    iouHeadDepth: 3,
    iouHeadHiddenDim: 256,
  },
};

it("generates the printed stream", () => {
  expectNear([...oracleStream("input", 4)], [0.59806627, -0.77675939, -0.87496378, -0.23235704]);
});

describe("tiny SAM on the cpu backend", () => {
  let model: Sam;
  let embedding: tf.Tensor;
  const seen = new Map<string, number[]>();

  beforeAll(async () => {
    await tf.setBackend("cpu");
    model = new Sam(oracleParameters(), CONFIG);
    const images = tf.tidy(() =>
      tf.tensor(oracleInput("input", [1, 3, 64, 64]), [1, 3, 64, 64]).transpose([0, 2, 3, 1]),
    );
    const blocks = new Map(model.imageEncoder.children());
    const names = new Map([...blocks].map(([name, layer]) => [layer, name]));
    embedding = observeLayers(
      {
        wants: () => true,
        observe: (layer, name, value) => {
          const path = name || names.get(layer);
          if (path !== undefined && value instanceof tf.Tensor && value.rank === 4 && value.shape[3] === 32)
            seen.set(path, summary(value, [0, 1, 2]));
        },
      },
      () => model.imageEncoder.call(images),
    );
    images.dispose();
  });

  afterAll(() => {
    embedding.dispose();
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });

  it("has 314 parameters less the blocks that are not there", () => {
    const perBlock = 14;
    expect(model.namedParameters().size).toBe(314 - 9 * perBlock);
  });

  it.each([
    ["tokens", [0.082824, 0.423673, 0.26177, 0.06756, 0.42532]],
    ["blocks.0", [0.311427, 0.87814, -0.13732, 1.77356, -0.9721]],
    ["blocks.1", [0.255404, 1.18426, -0.11257, 1.30352, -1.409]],
    ["blocks.2", [0.197069, 1.299537, -0.17797, 0.47998, -1.114]],
  ])("%s", (name, expected) => expectNear(seen.get(name) ?? [], expected));

  it("embedding", () => {
    const expected = [-0.000698, 0.799483, -0.32758, 0.29288, -0.06804, 0.9736];
    expectNear(
      tf.tidy(() => summary(embedding, [0, 1, 16, 4095], true)),
      expected,
    );
  });

  it("dense positional encoding", () => {
    const expected = [0.027288, 0.634308, 0.4258, 0.88587, 0.90482, -0.67267];
    expectNear(
      tf.tidy(() => summary(model.promptEncoder.densePe(), [0, 1, 2048, 4095], true)),
      expected,
    );
  });

  const box = { boxes: () => tf.tensor([[8, 10, 50, 40]]) };
  const points = {
    pointCoords: () =>
      tf.tensor([
        [
          [20, 30],
          [5, 60],
        ],
      ]),
    pointLabels: () => tf.tensor([[1, 0]]),
  };
  const mask = {
    maskInputs: () =>
      tf.tensor(
        oracleInput("mask", [1, 1, 16, 16]).map((x) => 20 * x - 10),
        [1, 16, 16, 1],
      ),
  };

  it.each([
    {
      name: "box",
      prompts: box,
      masks: [-0.09398, 0.554708, 0.42119, -0.0791, 0.86617, -0.45214],
      iou: [-0.41089, 0.33653, -0.35724, 0.83818],
      positives: [87, 144, 81, 94],
    },
    {
      name: "points",
      prompts: points,
      masks: [-0.048281, 0.567185, -0.63009, -0.76176, 1.57094, -0.82817],
      iou: [-0.6437, 0.27856, -0.18766, 0.60407],
      positives: [56, 197, 138, 90],
    },
    {
      name: "box, points and mask",
      prompts: { ...box, ...points, ...mask },
      masks: [0.002549, 0.618459, -0.02358, 0.02463, 1.04277, -1.12023],
      iou: [-0.81735, 0.70816, -0.48918, 0.71791],
      positives: [92, 179, 104, 108],
    },
  ])("$name", ({ prompts, masks, iou, positives }) => {
    tf.tidy(() => {
      const made = Object.fromEntries(Object.entries(prompts).map(([key, make]) => [key, make()])) as Prompts;
      const single = model.decode({ embedding }, made, false);
      const multi = model.decode({ embedding }, made, true);
      const all = tf.concat([single.masks, multi.masks], 1);
      expectNear(summary(all, [0, 1, 256, 791]), masks);
      expectNear([...single.iouPredictions.dataSync(), ...multi.iouPredictions.dataSync()], iou);
      const counts = all.greater(0).sum([2, 3]).dataSync();
      expect([...counts]).toEqual(positives);
    });
  });
});
