import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../src/backend/useBackend.js";
import { trace, type TracedTensor } from "../../src/inspect/trace.js";
import { LITE_MEDSAM } from "../../src/model/config.js";
import { recogniseConfig } from "../../src/model/families.js";
import { Sam } from "../../src/model/sam.js";
import type { TensorInfo } from "../../src/weights/checkpoint.js";
import { expectNear, summary } from "./golden.js";
import { oracleInput, oracleParameters } from "./oracle.js";

describe("LiteMedSAM with the oracle's weights", () => {
  let model: Sam;
  let tensors: Map<string, TracedTensor>;
  let masks: tf.Tensor;
  let scores: tf.Tensor;

  beforeAll(async () => {
    await useBackend("wasm");
    model = new Sam(oracleParameters(), LITE_MEDSAM);
    const images = tf.tidy(() =>
      tf.tensor(oracleInput("input", [1, 3, 256, 256]), [1, 3, 256, 256]).transpose([0, 2, 3, 1]),
    );
    const boxes = tf.tensor([[32, 40, 200, 160]]);
    const traced = await trace(model, ["image_encoder", "image_encoder.*", "image_encoder.layers.*"], () =>
      tf.tidy(() => {
        const embedding = model.imageEncoder.call(images);
        const single = model.decode({ embedding }, { boxes }, false);
        const multi = model.decode({ embedding }, { boxes }, true);
        return [
          tf.concat([single.masks, multi.masks], 1),
          tf.concat([single.iouPredictions, multi.iouPredictions], 1),
        ];
      }),
    );
    tensors = traced.tensors;
    [masks, scores] = traced.result;
    tf.dispose([images, boxes]);
  });

  afterAll(() => {
    tf.dispose([masks, scores]);
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });

  it("has the parameters of the checkpoint, and is recognised from them", () => {
    const parameters = model.namedParameters();
    // The file also has a counter for each of its 27 batch norms, which nothing uses.
    expect(parameters.size).toBe(435 - 27);
    const shapes = new Map<string, TensorInfo>(
      [...parameters].map(([path, { shape }]) => [path, { dtype: "F32", shape }]),
    );
    expect(recogniseConfig(shapes, "lite_medsam.pth")).toEqual(LITE_MEDSAM);
  });

  it.each([
    ["patch_embed", [-0.089552, 0.258644, 0.15476, 0.39249, 0.29937], [0, 1, 65536]],
    ["", [-0.003508, 0.819331, -1.54459, -1.39225, -0.44161, 0.03715], [0, 1, 4096, 1048575]],
  ])("map image_encoder.%s", (name, expected, samples) => {
    const { values, shape } = tensors.get(name === "" ? "image_encoder" : `image_encoder.${name}`)!;
    expectNear(
      tf.tidy(() => summary(tf.tensor(values, [...shape]), samples)),
      expected,
      3,
    );
  });

  // Upstream's stages give tokens, [1, rows·columns, C]: the order of a map with channels last.
  it.each([
    [0, [0.005089, 0.086731, -0.03064, -0.03402, -0.00015], 128],
    [1, [0.041317, 0.633567, 0.14444, -0.29387, 0.51502], 160],
    [2, [0.084527, 1.266112, 0.44551, 0.03801, 0.23785], 320],
    [3, [-0.131259, 1.482637, 2.26758, -0.58916, 3.38818], 320],
  ])("tokens of stage %i", (stage, expected, width) => {
    const { values, shape } = tensors.get(`image_encoder.layers.${stage}`)!;
    expect(shape.at(-1)).toBe(width);
    expectNear(
      tf.tidy(() => summary(tf.tensor(values, [...shape]), [0, 1, width])),
      expected,
    );
  });

  it("masks and scores", () => {
    tf.tidy(() => {
      expectNear(summary(masks, [0, 1, 65536]), [-0.105083, 0.597629, -0.88393, 0.08846, 0.72807], 3);
      expectNear([...scores.dataSync()], [-0.12441, 0.10239, 0.15461, 0.40143], 3);
      const positives = [...masks.greater(0).sum([2, 3]).dataSync()];
      [34952, 38147, 20849, 14415].forEach((count, mask) =>
        expect(Math.abs(positives[mask] - count)).toBeLessThanOrEqual(3),
      );
    });
  });
});
