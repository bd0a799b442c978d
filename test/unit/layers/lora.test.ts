import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import type { Layer } from "../../../src/layers/layer.js";
import { Linear } from "../../../src/layers/linear.js";
import { addLora, LoraLinear, mergeLora } from "../../../src/layers/lora.js";
import { Recomputed } from "../../../src/layers/recomputed.js";
import { ImageEncoder } from "../../../src/model/imageEncoder.js";
import { differentiate } from "../../../src/ops/autograd.js";
import { ParamScope, seededParameters } from "../../../src/weights/paramScope.js";
import { oracleInput, oracleParameters, oracleValues } from "../../parity/oracle.js";

const SIZES = {
  type: "ViT",
  embedDim: 12,
  depth: 2,
  numHeads: 3,
  mlpRatio: 2,
  windowSize: 3,
  globalAttnIndexes: [1],
} as const;
const CONFIG = {
  family: "sam",
  imageSize: 20,
  patchSize: 4,
  imageEncoder: SIZES,
  promptEmbedDim: 8,
  maskInChans: 4,
  maskDecoder: {
    depth: 2,
    numHeads: 2,
    mlpDim: 8,
    numMultimaskOutputs: 3,
    iouHeadDepth: 3,
    iouHeadHiddenDim: 8,
  },
} as const;
const QKV = "blocks.*.attn.qkv";
const QUERIES_AND_VALUES = { rank: 2, alpha: 3, parts: [true, false, true] };

const build = () => new ImageEncoder(oracleParameters(), SIZES, CONFIG);
const image = () => tf.tensor(oracleInput("image", [1, 20, 20, 3]), [1, 20, 20, 3]);
/** Adapters that do something: b is not zero. */
const trained = () => new ParamScope({ values: oracleValues });
const output = (encoder: ImageEncoder) => tf.tidy(() => [...encoder.call(image()).dataSync()]);

describe("LoRA", () => {
  beforeAll(() => useBackend("cpu"));
  afterEach(() => expect(tf.memory().numTensors).toBe(0));

  it("adds named parameters, keeps all others, and changes nothing at first", () => {
    const encoder = build();
    const [names, before] = [[...encoder.namedParameters().keys()], output(encoder)];
    const paths = addLora(encoder, [QKV], seededParameters(1), QUERIES_AND_VALUES);
    expect(paths).toEqual(["blocks.0.attn.qkv", "blocks.1.attn.qkv"]);
    const parameters = encoder.namedParameters();
    const added = [...parameters.keys()].filter((name) => !names.includes(name));
    expect([...parameters.keys()].filter((name) => names.includes(name)).sort()).toEqual(names.toSorted());
    expect(added.slice(0, 4)).toEqual(
      ["0.a", "0.b", "1.a", "1.b"].map((name) => `blocks.0.attn.qkv.lora.${name}`),
    );
    expect(parameters.get("blocks.0.attn.qkv.lora.1.a")?.shape).toEqual([2, 12]);
    expect(parameters.get("blocks.0.attn.qkv.lora.1.b")?.shape).toEqual([12, 2]);
    expect(output(encoder)).toEqual(before);
    encoder.dispose();
  });

  it("starts with a within PyTorch's bound, 1/√in, and b zero", () => {
    const encoder = build();
    addLora(encoder, [QKV], seededParameters(1), QUERIES_AND_VALUES);
    const parameters = encoder.namedParameters();
    const a = parameters.get("blocks.0.attn.qkv.lora.0.a")?.toTorch() ?? [];
    const largest = Math.max(...a.map(Math.abs));
    expect(largest).toBeLessThanOrEqual(1 / Math.sqrt(12));
    expect(largest).toBeGreaterThan(0.8 / Math.sqrt(12));
    expect(
      parameters
        .get("blocks.0.attn.qkv.lora.0.b")
        ?.toTorch()
        .every((value) => value === 0),
    ).toBe(true);
    encoder.dispose();
  });

  it("adds b·a·alpha/rank to queries and values, not to keys", () => {
    const base = new Linear(oracleParameters(), { inFeatures: 4, outFeatures: 6 });
    const weight = base.weight.toTorch().slice();
    const layer = new LoraLinear(trained(), base, QUERIES_AND_VALUES);
    const expected = weight.slice();
    for (const [index, start] of [0, 4].entries()) {
      const a = oracleValues(`lora.${index}.a`, [2, 4]);
      const b = oracleValues(`lora.${index}.b`, [2, 2]);
      for (let row = 0; row < 2; row++)
        for (let column = 0; column < 4; column++)
          for (let r = 0; r < 2; r++)
            expected[(start + row) * 4 + column] += 1.5 * b[row * 2 + r] * a[r * 4 + column];
    }
    const merged = layer.merged();
    for (const [index, value] of merged.weight.toTorch().entries())
      expect(value).toBeCloseTo(expected[index], 6);
    expect(merged.weight.toTorch().slice(8, 16)).toEqual(weight.slice(8, 16));
    merged.dispose();
    layer.dispose();
  });

  it("merges into plain layers that compute the same", () => {
    const encoder = build();
    const names = [...encoder.namedParameters().keys()];
    addLora(encoder, [QKV, "blocks.*.mlp.lin1"], trained(), { rank: 3, alpha: 6 });
    const adapted = output(encoder);
    mergeLora(encoder);
    expect([...encoder.namedParameters().keys()].sort()).toEqual(names.toSorted());
    for (const [index, value] of output(encoder).entries()) expect(value).toBeCloseTo(adapted[index], 5);
    const plain = build();
    expect(output(plain)).not.toEqual(adapted);
    encoder.dispose();
    plain.dispose();
  });

  it("has gradients of its adapters alone, recomputed or not", () => {
    const encoder = build();
    addLora(encoder, [QKV], trained(), QUERIES_AND_VALUES);
    const parameters = [...encoder.namedParameters()].filter(([name]) => name.includes(".lora."));
    const variables = parameters.map(([, { value }]) => value);
    const gradients = () =>
      tf.tidy(() =>
        differentiate(() => encoder.call(image()).square().sum(), variables).gradients.map(
          (gradient) => gradient && [...gradient.dataSync()],
        ),
      );
    const plain = gradients();
    expect(plain).toHaveLength(8);
    for (const gradient of plain) expect(gradient?.some((value) => Math.abs(value) > 1e-6)).toBe(true);
    const set = new Set(parameters.map(([, parameter]) => parameter));
    const blocks: Layer[] = encoder.blocks;
    for (const [index, block] of blocks.entries()) blocks[index] = new Recomputed(block, set);
    expect(gradients()).toEqual(plain);
    encoder.dispose();
  });

  it("names what is wrong", () => {
    const encoder = build();
    const add = (targets: string[], config = QUERIES_AND_VALUES) =>
      addLora(encoder, targets, seededParameters(1), config);
    expect(() => add(["blocks.*.attn.qvk"])).toThrow(
      '"blocks.*.attn.qvk" matches no linear layer; near it are blocks.0.attn.qkv, blocks.1.attn.qkv',
    );
    expect(() => add(["blocks.*.norm1"])).toThrow("matches no linear layer");
    expect(() => add([QKV], { ...QUERIES_AND_VALUES, rank: 0 })).toThrow(
      "LoRA of blocks.0.attn.qkv: rank is 0",
    );
    expect(() => add([QKV], { ...QUERIES_AND_VALUES, parts: [true, false, false, false, true] })).toThrow(
      "36 outputs, parts [true,false,false,false,true]; expected equal parts",
    );
    encoder.dispose();
  });

  it("takes the place of no layer with a forward of its own", () => {
    const encoder = build();
    const block = encoder.blocks[1];
    const attn = block.attn;
    class Doubled extends Linear {
      override forward(x: tf.Tensor): tf.Tensor {
        return super.forward(x).mul(2);
      }
    }
    const own = new Doubled(seededParameters(1), { inFeatures: 12, outFeatures: 36 });
    attn.qkv.dispose();
    attn.qkv = own;
    expect(() => addLora(encoder, [QKV], seededParameters(1), QUERIES_AND_VALUES)).toThrow(
      "LoRA of blocks.1.attn.qkv: this Doubled has a forward of its own",
    );
    expect([...encoder.namedLayers()].some(([, layer]) => layer instanceof LoraLinear)).toBe(false);
    addLora(encoder, ["blocks.0.attn.qkv"], seededParameters(1), QUERIES_AND_VALUES);
    encoder.dispose();
  });

  it("is merged only where weights can stand for it", () => {
    const base = new Linear(oracleParameters(), { inFeatures: 4, outFeatures: 6 });
    const layer = new LoraLinear(trained(), base, QUERIES_AND_VALUES);
    layer.lora[1].forward = (x) => x.relu();
    expect(() => layer.merged()).toThrow("a LoraAdapter whose forward is its own cannot be merged");
    layer.dispose();
  });
});
