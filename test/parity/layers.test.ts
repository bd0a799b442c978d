import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../src/backend/useBackend.node.js";
import type { TracedTensor } from "../../src/inspect/trace.js";
import { BACKWARD, FORWARD } from "./backends.js";
import { BUILD, forwardLayer, layerLimit, loadLayer } from "./cases.js";
import { expectParity } from "./check.js";
import { computed, fixtureLoss, fixtureNames, fromTensor, readFixture, under } from "./fixture.js";

const load = (name: string) => loadLayer(readFixture(`layer-${name}`));

describe.each(FORWARD)("layers equal PyTorch's on %s", (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(fixtureNames("layer-"))("%s", async (name) => {
    const loaded = load(name);
    const got = await forwardLayer(loaded);
    expectParity(
      `layers-${backend}`,
      prefixed(name, got),
      prefixed(name, computed(loaded.fixture.tensors)),
      () => layerLimit(loaded.fixture),
    );
    expect(tf.memory().numTensors).toBe(0);
  });
});

describe.each(BACKWARD)("gradients of layers equal autograd's on %s", (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(fixtureNames("layer-"))("%s", (name) => {
    const { fixture, layer, isMap, inputs, run } = load(name);
    const expected = under(fixture.tensors, "grad.");
    const parameters = [...layer.namedParameters()].filter(([path]) => expected.has(path));
    const loss = () => {
      const out = run(inputs.map(({ value }) => value));
      const values = out instanceof tf.Tensor ? { output: out } : prefixedOutputs(out);
      const mapped = layer.layout === "nhwc";
      return fixtureLoss(
        new Map(Object.entries(values).map(([key, value]) => [key, { value, isMap: mapped }])),
      );
    };
    const wanted = [...inputs.map(({ value }) => value), ...parameters.map(([, { value }]) => value)];
    const gradients = tf.grads(loss)(wanted);
    const got = new Map<string, TracedTensor>(
      inputs.map(({ key }, index) => [`input.${key}`, fromTensor(gradients[index], isMap)] as const),
    );
    for (const [index, [path, parameter]] of parameters.entries())
      got.set(path, {
        shape: parameter.shape,
        values: parameter.toTorch(gradients[inputs.length + index].dataSync<"float32">()),
      });
    expectParity(
      `layer-gradients-${backend}`,
      prefixed(name, got),
      prefixed(name, expected),
      () => "gradient",
    );
    tf.dispose([gradients, inputs.map(({ value }) => value)]);
    layer.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });
});

function prefixed<T>(name: string, values: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...values].map(([path, value]) => [`${name}/${path}`, value]));
}

function prefixedOutputs(out: Readonly<Record<string, tf.Tensor>>): Record<string, tf.Tensor> {
  return Object.fromEntries(Object.entries(out).map(([key, value]) => [`output.${key}`, value]));
}

it("knows every layer of the fixtures", () => {
  const kinds = fixtureNames("layer-").map((name) => readFixture(`layer-${name}`).case["layer"]);
  expect(new Set(kinds)).toEqual(new Set(Object.keys(BUILD)));
});
