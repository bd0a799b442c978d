import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../src/backend/useBackend.node.js";
import { trace, type TracedTensor } from "../../src/inspect/trace.js";
import type { SamConfig } from "../../src/model/config.js";
import { Sam, type SamInput } from "../../src/model/sam.js";
import { BACKWARD, FORWARD } from "./backends.js";
import { expectParity, type LimitName } from "./check.js";
import { computed, fixtureLoss, fixtureNames, fromTensor, readFixture, toTensor, under } from "./fixture.js";
import { oracleParameters } from "./oracle.js";

function load(name: string) {
  const fixture = readFixture(`model-${name}`);
  const { config, multimask } = fixture.case as { config: SamConfig; multimask: boolean };
  const model = new Sam(oracleParameters(), config);
  const inputs = under(fixture.tensors, "input.");
  const tensor = (key: string, isMap = false) => {
    const value = inputs.get(key);
    return value && toTensor(value, isMap);
  };
  const input: SamInput = {
    images: tensor("image", true)!,
    pointCoords: tensor("point_coords"),
    pointLabels: tensor("point_labels"),
    boxes: tensor("boxes"),
    maskInputs: tensor("mask_input", true),
    multimaskOutput: multimask,
  };
  return { fixture, model, input };
}

function disposeInput(input: SamInput): void {
  tf.dispose(Object.values(input).filter((value) => value instanceof tf.Tensor));
}

function limitOf(path: string): LimitName {
  if (path.includes("image_encoder")) return "encoder";
  return path.includes("mask_decoder") ? "logits" : "block";
}

function prefixed<T>(name: string, values: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...values].map(([path, value]) => [`${name}/${path}`, value]));
}

describe.each(FORWARD)("small models equal PyTorch's on %s", (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(fixtureNames("model-"))("%s", async (name) => {
    const { fixture, model, input } = load(name);
    const { result, tensors } = await trace(model, ["**"], () => model.call(input));
    expectParity(
      `models-${backend}`,
      prefixed(name, tensors),
      prefixed(name, computed(fixture.tensors)),
      limitOf,
    );
    tf.dispose(result);
    disposeInput(input);
    model.dispose();
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
