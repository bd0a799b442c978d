import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../src/backend/useBackend.node.js";
import { compareWithReference, PARITY_TOLERANCE } from "../../src/inspect/parity.js";
import type { ParityReference } from "../../src/inspect/reference.js";
import type { GridAttention } from "../../src/layers/gridAttention.js";
import { Layer } from "../../src/layers/layer.js";
import { readConfig, type SamConfig } from "../../src/model/config.js";
import type { EncoderBlock } from "../../src/model/imageEncoder.js";
import { type ImageEncoder } from "../../src/model/imageEncoder.js";
import { Sam } from "../../src/model/sam.js";
import type { Parameter } from "../../src/weights/paramScope.js";
import { computed, readFixture, toTensor } from "./fixture.js";
import { oracleParameters } from "./oracle.js";

const FIXTURE = readFixture("model-box");

const CONFIG = readConfig(FIXTURE.case["config"]) as SamConfig;

/** What PyTorch recorded of a small model. */
const REFERENCE: ParityReference = {
  source: "model-box",
  config: CONFIG,
  torch: "2.13",
  paths: [...computed(FIXTURE.tensors).keys()],
  has: (name) => FIXTURE.tensors.has(name),
  names: (start) => [...FIXTURE.tensors.keys()].filter((name) => name.startsWith(start)),
  read: (name) => FIXTURE.tensors.get(name)!,
};

class TanhGelu extends Layer {
  forward(x: tf.Tensor): tf.Tensor {
    const inner = x.add(x.pow(3).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
    return x.mul(inner.tanh().add(1)).mul(0.5);
  }
}

/** Attention in a window that, with `masks`, does not look at the tokens which pad it: upstream does look at them. */
class MaskedAttention extends Layer {
  qkv: Layer;
  proj: Layer;
  relPosH: Parameter;
  relPosW: Parameter;
  readonly numHeads: number;

  constructor(
    { qkv, proj, relPosH, relPosW, numHeads }: GridAttention,
    readonly masks: boolean,
  ) {
    super();
    [this.qkv, this.proj, this.relPosH, this.relPosW] = [qkv, proj, relPosH, relPosW];
    this.numHeads = numHeads;
  }

  forward(x: tf.Tensor): tf.Tensor {
    const [windows, side, , dim] = x.shape;
    const [tokens, heads] = [side * side, this.numHeads];
    const parted = this.qkv
      .call(x)
      .reshape([windows, tokens, 3, heads, dim / heads])
      .transpose([2, 0, 3, 1, 4]);
    const [q, k, v] = tf.unstack(parted.reshape([3, windows * heads, tokens, dim / heads]));
    const grid = q.reshape([-1, side, side, dim / heads]);
    const offsets = (table: Parameter) =>
      tf
        .gather(
          table.value,
          Array.from({ length: tokens }, (_, n) => Math.floor(n / side) - (n % side) + side - 1),
        )
        .reshape([side, side, -1]);
    const scores = tf
      .matMul(q.div(Math.sqrt(dim / heads)), k, false, true)
      .reshape([-1, side, side, side, side])
      .add(tf.einsum("ghwc,hkc->ghwk", grid, offsets(this.relPosH)).expandDims(4))
      .add(tf.einsum("ghwc,wkc->ghwk", grid, offsets(this.relPosW)).expandDims(3))
      .reshape([windows, heads, tokens, tokens]);
    const isPadding = x.abs().sum(3).equal(0).cast("float32").reshape([windows, 1, 1, tokens]);
    const masked = this.masks ? scores.sub(isPadding.mul(1e9)) : scores;
    const attended = tf.matMul(masked.softmax(), v.reshape([windows, heads, tokens, -1]));
    return this.proj.call(attended.transpose([0, 2, 1, 3]).reshape([windows, side, side, dim]));
  }
}

function blockOf(model: Sam, isGlobal: boolean): { block: EncoderBlock; path: string } {
  const { blocks } = model.imageEncoder as ImageEncoder;
  const index = blocks.findIndex((block) => (block.windowSize === 0) === isGlobal);
  return { block: blocks[index], path: `image_encoder.blocks.${index}` };
}

async function compare(mutate: (model: Sam) => void) {
  const model = new Sam(oracleParameters(), CONFIG);
  mutate(model);
  const inputs = {
    images: toTensor(FIXTURE.tensors.get("input.image")!, true),
    boxes: toTensor(FIXTURE.tensors.get("input.boxes")!),
  };
  const result = await compareWithReference(model, REFERENCE, PARITY_TOLERANCE, () => {
    tf.dispose(model.call({ ...inputs, multimaskOutput: false }));
    return Promise.resolve(new Map());
  });
  tf.dispose(inputs);
  model.dispose();
  expect(tf.memory().numTensors).toBe(0);
  return result;
}

const departsIn = async (mutate: (model: Sam) => void) => (await compare(mutate)).firstToDepart?.name;

describe("the comparison with PyTorch names the module at fault", () => {
  beforeAll(() => useBackend("cpu"));

  it("finds none in the model as it is", async () => {
    const { rows, firstToDepart } = await compare(() => undefined);
    expect(firstToDepart).toBeUndefined();
    expect(rows).toHaveLength(REFERENCE.paths.length);
  });

  it.each([
    ["image_encoder.blocks.1.mlp.lin2", "image_encoder.blocks.1.mlp.lin2.weight"],
    [
      "mask_decoder.transformer.layers.0.self_attn.v_proj",
      "mask_decoder.transformer.layers.0.self_attn.v_proj.weight",
    ],
  ])("one weight changed by 1 %%: %s", async (module, name) => {
    const found = await departsIn((model) => {
      const { value } = model.namedParameters().get(name)!;
      tf.tidy(() => value.assign(value.mul(1.01)));
    });
    // q, k and v are announced by the attention, right after their projection.
    expect(found).toBe(module);
  });

  it("GELU in its tanh form", async () => {
    const found = await departsIn((model) => {
      blockOf(model, false).block.mlp.act = new TanhGelu();
    });
    expect(found).toBe("image_encoder.blocks.0.mlp.act");
  });

  it("relative positions transposed", async () => {
    let expected = "";
    const found = await departsIn((model) => {
      const { block, path } = blockOf(model, true);
      const attention = block.attn;
      [attention.relPosH, attention.relPosW] = [attention.relPosW, attention.relPosH];
      expected = `${path}.attn.scores`;
    });
    expect(found).toBe(expected);
  });

  it("a mask over the tokens that pad a window", async () => {
    const replaced = (masks: boolean) => (model: Sam) => {
      const { block } = blockOf(model, false);
      block.attn = new MaskedAttention(block.attn, masks);
    };
    expect(await departsIn(replaced(true))).toBe("image_encoder.blocks.0.attn.proj");
    // Without the mask it is upstream's, but for the intermediates that it does not name.
    const { rows } = await compare(replaced(false));
    const departing = rows.filter(({ ok }) => !ok);
    expect(departing.map(({ name }) => name.replace("image_encoder.blocks.0.attn.", ""))).toEqual(
      expect.arrayContaining(["q", "k", "v", "scores", "heads"]),
    );
    expect(departing.every(({ detail }) => detail === "no such value")).toBe(true);
    expect(departing).toHaveLength(5);
  });

  it("another configuration, before anything runs", async () => {
    const model = new Sam(oracleParameters(), {
      ...CONFIG,
      imageSize: 2 * CONFIG.imageSize,
    });
    await expect(
      compareWithReference(model, REFERENCE, PARITY_TOLERANCE, () => Promise.reject(new Error("ran"))),
    ).rejects.toThrow(/was made of another configuration.*imageSize is/);
    model.dispose();
  });
});
