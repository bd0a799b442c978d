import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../src/backend/useBackend.node.js";
import type { TracedTensor } from "../../src/inspect/trace.js";
import { BACKWARD, FORWARD } from "./backends.js";
import { disposeInput, forwardModel, loadModel, modelLimit } from "./cases.js";
import { expectParity } from "./check.js";
import { computed, fixtureLoss, fixtureNames, fromTensor, readFixture, under } from "./fixture.js";

const load = (name: string) => loadModel(readFixture(`model-${name}`));

function prefixed<T>(name: string, values: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...values].map(([path, value]) => [`${name}/${path}`, value]));
}

describe.each(FORWARD)("small models equal PyTorch's on %s", (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(fixtureNames("model-"))("%s", async (name) => {
    const loaded = load(name);
    const tensors = await forwardModel(loaded);
    expectParity(
      `models-${backend}`,
      prefixed(name, tensors),
      prefixed(name, computed(loaded.fixture.tensors)),
      modelLimit,
    );
    expect(tf.memory().numTensors).toBe(0);
  });
});

describe.each(BACKWARD)("gradients of small models equal autograd's on %s", (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(fixtureNames("model-"))("%s", (name) => {
    const { fixture, model, input } = load(name);
    const expected = under(fixture.tensors, "grad.");
    const parameters = [...model.namedParameters()].filter(([path]) => expected.has(path));
    const loss = () => {
      const { masks, iouPredictions } = model.call(input);
      return fixtureLoss(
        new Map([
          ["masks", { value: masks, isMap: false }],
          ["iou_predictions", { value: iouPredictions, isMap: false }],
        ]),
      );
    };
    const gradients = tf.grads(loss)([input.images, ...parameters.map(([, { value }]) => value)]);
    const got = new Map<string, TracedTensor>([["input.image", fromTensor(gradients[0], true)]]);
    for (const [index, [path, parameter]] of parameters.entries())
      got.set(path, {
        shape: parameter.shape,
        values: parameter.toTorch(gradients[index + 1].dataSync<"float32">()),
      });
    expectParity(
      `model-gradients-${backend}`,
      prefixed(name, got),
      prefixed(name, expected),
      () => "gradient",
    );
    tf.dispose(gradients);
    disposeInput(input);
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });
});
