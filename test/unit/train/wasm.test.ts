import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.node.js";
import { TINY } from "../../../src/model/config.js";
import { Sam } from "../../../src/model/sam.js";
import { resizeBilinear } from "../../../src/ops/resize.js";
import { disposeGradients, lossAndGradients } from "../../../src/train/gradients.js";
import { medsamLoss } from "../../../src/train/losses.js";
import { compareTensors } from "../../../src/inspect/compare.js";
import type { TracedTensor } from "../../../src/inspect/trace.js";
import { oracleInput, oracleParameters } from "../../parity/oracle.js";

const CONFIG = { ...TINY, imageSize: 64 };

/** Gradients of the mask decoder, on embeddings that exist already: two images with a box each. */
function decoderGradients(): Map<string, TracedTensor> {
  const model = new Sam(oracleParameters(), CONFIG);
  const trained = new Map([...model.namedParameters()].filter(([path]) => path.startsWith("mask_decoder.")));
  const embeddings = tf.tensor(oracleInput("embeddings", [2, 8, 8, 128]), [2, 8, 8, 128]);
  const boxes = tf.tensor2d([4, 6, 40, 31, 10, 20, 60, 50], [2, 4]);
  const mask = oracleInput("target", [2, 1, 64, 64]).map((value) => (value > 0.7 ? 1 : 0));
  const target = tf.tensor(mask, [2, 1, 64, 64]);
  const { loss, gradients } = lossAndGradients(() => {
    const { masks } = model.decode({ embedding: embeddings }, { boxes }, false);
    return medsamLoss(resizeBilinear(masks, [64, 64]), target);
  }, trained);
  const values = new Map(
    [...gradients].map(([path, gradient]) => {
      return [path, { shape: gradient.shape, values: Float32Array.from(gradient.dataSync()) }];
    }),
  );
  tf.dispose([embeddings, boxes, target, loss]);
  disposeGradients(gradients);
  model.dispose();
  expect(tf.memory().numTensors).toBe(0);
  return values;
}

it("gradients of the mask decoder on wasm equal those on cpu", async () => {
  await useBackend("cpu");
  const expected = decoderGradients();
  await useBackend("wasm");
  const got = decoderGradients();
  // The head for scores has none, the loss not depending on it.
  expect([...expected.keys()].filter((path) => path.includes("iou_prediction_head"))).toEqual([]);
  expect(expected.size).toBeGreaterThan(80);
  const differing = [...expected].flatMap(([path, reference]) => {
    const comparison = compareTensors(path, got.get(path), reference, { absolute: 1e-7, relative: 1e-3 });
    return comparison.ok ? [] : [`${path}: ${comparison.detail}`];
  });
  expect(differing).toEqual([]);
});

it("says on wasm what it lacks to train the encoder", async () => {
  await useBackend("wasm");
  const model = new Sam(oracleParameters(), CONFIG);
  const filters = new Map([...model.namedParameters()].filter(([path]) => /neck\.2\.weight$/.test(path)));
  const loss = () =>
    model.imageEncoder
      .call(tf.ones([1, 64, 64, 3]))
      .mean()
      .asScalar();
  expect(() => lossAndGradients(loss, filters)).toThrow(
    /the backend wasm has no Conv2DBackpropFilter, which what trains needs; train the decoder only, or use/,
  );
  model.dispose();
  expect(tf.memory().numTensors).toBe(0);
});
