import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../src/backend/useBackend.node.js";
import { trace, type TracedTensor } from "../../src/inspect/trace.js";
import { Gelu } from "../../src/layers/activation.js";
import { Conv2d, ConvTranspose2d, DepthwiseConv2d } from "../../src/layers/convolution.js";
import { GridAttention } from "../../src/layers/gridAttention.js";
import type { Layer, LayerOutput } from "../../src/layers/layer.js";
import { Linear } from "../../src/layers/linear.js";
import { Mlp, MlpBlock } from "../../src/layers/mlp.js";
import { LayerNorm, LayerNorm2d } from "../../src/layers/norm.js";
import { PatchEmbed } from "../../src/layers/patchEmbed.js";
import { TokenAttention } from "../../src/layers/tokenAttention.js";
import { EncoderBlock } from "../../src/model/imageEncoder.js";
import { TwoWayAttentionBlock } from "../../src/model/twoWayTransformer.js";
import type { ParamScope } from "../../src/weights/paramScope.js";
import { BACKWARD, FORWARD } from "./backends.js";
import { expectParity, type LimitName } from "./check.js";
import { computed, fixtureLoss, fixtureNames, fromTensor, readFixture, toTensor, under } from "./fixture.js";
import { oracleParameters } from "./oracle.js";

type TestedLayer = Layer<tf.Tensor[], LayerOutput>;
type Build = (params: ParamScope, options: never) => unknown;

const BUILD: Readonly<Record<string, Build>> = {
  Linear: (params, options) => new Linear(params, options),
  Conv2d: (params, options) => new Conv2d(params, options),
  DepthwiseConv2d: (params, options) => new DepthwiseConv2d(params, options),
  ConvTranspose2d: (params, options) => new ConvTranspose2d(params, options),
  LayerNorm: (params, options) => new LayerNorm(params, options),
  LayerNorm2d: (params, options) => new LayerNorm2d(params, options),
  Gelu: () => new Gelu(),
  MlpBlock: (params, options: { dim: number; hiddenDim: number }) =>
    new MlpBlock(params, { ...options, act: new Gelu() }),
  Mlp: (params, options) => new Mlp(params, options),
  PatchEmbed: (params, options) => new PatchEmbed(params, options),
  GridAttention: (params, options) => new GridAttention(params, options),
  EncoderBlock: (params, options) => new EncoderBlock(params, options),
  TokenAttention: (params, options) => new TokenAttention(params, options),
  TwoWayAttentionBlock: (params, options: { skipFirstLayerPe: boolean }) =>
    new TwoWayAttentionBlock(params, options as never, options.skipFirstLayerPe),
};

/** More than one operation deep. */
const BLOCKS = new Set([
  "GridAttention",
  "EncoderBlock",
  "TokenAttention",
  "TwoWayAttentionBlock",
  "MlpBlock",
  "Mlp",
]);

function load(name: string) {
  const fixture = readFixture(`layer-${name}`);
  const { layer: kind, options } = fixture.case as { layer: string; options: never };
  const layer = BUILD[kind](oracleParameters(), options) as TestedLayer;
  // Maps go in where maps come out; the patch embedding alone turns one into tokens.
  const isMap = layer.layout === "nhwc" || kind === "PatchEmbed";
  const inputs = [...under(fixture.tensors, "input.")].map(([key, value]) => ({
    key,
    value: toTensor(value, isMap),
  }));
  // Files keep names in alphabetical order; arguments have their own.
  const order = ["x", "q", "k", "v", "queries", "keys", "query_pe", "key_pe"];
  inputs.sort((a, b) => order.indexOf(a.key) - order.indexOf(b.key));
  const limit: LimitName = BLOCKS.has(kind) ? "block" : "operation";
  return { fixture, layer, isMap, inputs, limit };
}

describe.each(FORWARD)("layers equal PyTorch's on %s", (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(fixtureNames("layer-"))("%s", async (name) => {
    const { fixture, layer, inputs, limit } = load(name);
    const { result, tensors } = await trace(layer, ["**"], () =>
      layer.call(...inputs.map(({ value }) => value)),
    );
    const got = new Map([...tensors].map(([path, value]) => [path === "" ? "output" : path, value]));
    for (const key of ["queries", "keys"]) {
      const value = tensors.get(key);
      if (value !== undefined) got.set(`output.${key}`, value);
    }
    expectParity(
      `layers-${backend}`,
      prefixed(name, got),
      prefixed(name, computed(fixture.tensors)),
      () => limit,
    );
    tf.dispose([result, inputs.map(({ value }) => value)]);
    layer.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });
});

describe.each(BACKWARD)("gradients of layers equal autograd's on %s", (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(fixtureNames("layer-"))("%s", (name) => {
    const { fixture, layer, isMap, inputs } = load(name);
    const expected = under(fixture.tensors, "grad.");
    const parameters = [...layer.namedParameters()].filter(([path]) => expected.has(path));
    const loss = () => {
      const out = layer.call(...inputs.map(({ value }) => value));
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
