import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../src/backend/useBackend.node.js";
import { compareWithReference, PARITY_TOLERANCE } from "../../src/inspect/parity.js";
import type { ParityReference } from "../../src/inspect/reference.js";
import { axialAngles, type RotaryAttention } from "../../src/layers/rotaryAttention.js";
import type { QueriesAndKeys } from "../../src/layers/tokenAttention.js";
import { readConfig } from "../../src/model/config.js";
import type { MemoryAttentionLayer } from "../../src/model/sam2/memoryAttention.js";
import type { Sam2 } from "../../src/model/sam2/sam2.js";
import { rotatePairs } from "../../src/ops/rotary.js";
import { readFixture } from "./fixture.js";
import { loadSam2, runFrame } from "./sam2Cases.js";

const FIXTURE = readFixture("sam2-frame");

/** What PyTorch recorded of a tracked frame of a small model. */
const REFERENCE: ParityReference = {
  source: "sam2-frame",
  config: readConfig(FIXTURE.case["config"]),
  torch: "2.13",
  paths: [...FIXTURE.tensors.keys()].filter((name) => !/^(input|expected)\./.test(name)),
  has: (name) => FIXTURE.tensors.has(name),
  names: (start) => [...FIXTURE.tensors.keys()].filter((name) => name.startsWith(start)),
  read: (name) => FIXTURE.tensors.get(name)!,
};

/** The name of the first value that departs from PyTorch's. */
async function departsIn(mutate: (model: Sam2) => void): Promise<string | undefined> {
  const model = loadSam2(FIXTURE);
  mutate(model);
  const { firstToDepart } = await compareWithReference(model, REFERENCE, PARITY_TOLERANCE, () => {
    tf.dispose(runFrame(model, FIXTURE));
    return Promise.resolve(new Map());
  });
  model.dispose();
  expect(tf.memory().numTensors).toBe(0);
  return firstToDepart?.name;
}

const attention = (model: Sam2, name: "selfAttn" | "crossAttnImage", layer = 0) =>
  (model.memoryAttention.layers[layer] as MemoryAttentionLayer)[name] as RotaryAttention;

/** Angles of a grid whose rows are taken for columns. */
function turnedAngles(side: number, dim: number): Float32Array {
  const angles = axialAngles(side, dim);
  const pairs = dim / 2;
  return angles.map((_, n) => {
    const [token, pair] = [Math.floor(n / pairs), n % pairs];
    return angles[((token % side) * side + Math.floor(token / side)) * pairs + pair];
  });
}

describe("the comparison with PyTorch names the module of SAM 2 at fault", () => {
  beforeAll(() => useBackend("wasm"));

  it("finds none in the model as it is", async () => {
    expect(await departsIn(() => undefined)).toBeUndefined();
  });

  it.each([
    ["selfAttn", 0, "memory_attention.layers.0.self_attn.q"],
    ["crossAttnImage", 1, "memory_attention.layers.1.cross_attn_image.q"],
  ] as const)("rotary angles of rows and columns swapped: %s of layer %i", async (name, layer, expected) => {
    const found = await departsIn((model) => {
      attention(model, name, layer).angles = turnedAngles;
    });
    expect(found).toBe(expected);
  });

  it("the temporal encoding's order reversed", async () => {
    const found = await departsIn(({ maskmemTposEnc: { value } }) => {
      tf.tidy(() => value.assign(value.reverse(0)));
    });
    expect(found).toBe("memory_attention.memory_pos");
  });

  it("memory of conditioned features in the place of raw ones", async () => {
    const found = await departsIn((model) => {
      let conditioned: tf.Tensor | undefined;
      const { memoryAttention, memoryEncoder } = model;
      const [attend, encode] = [
        memoryAttention.call.bind(memoryAttention),
        memoryEncoder.call.bind(memoryEncoder),
      ];
      memoryAttention.call = (...args) => {
        const out = attend(...args);
        conditioned = tf.keep(out.clone());
        return out;
      };
      memoryEncoder.call = (raw, masks) => {
        const out = encode(conditioned!.slice(0, 1).reshape(raw.shape), masks);
        conditioned!.dispose();
        return out;
      };
    });
    expect(found).toBe("memory_encoder.pix_feat");
  });

  it("pointer tokens rotated", async () => {
    const found = await departsIn((model) => {
      const layer = attention(model, "crossAttnImage");
      const before = (Reflect.get(layer, "positioned") as (...args: unknown[]) => QueriesAndKeys).bind(layer);
      const positioned = (heads: QueriesAndKeys, pointers: number) => {
        const { queries, keys } = before(heads, pointers);
        const [batch, count, tokens, dim] = keys.shape;
        const values = axialAngles(6, dim).subarray(0, (pointers * dim) / 2);
        const angles = tf.tensor2d(values, [(pointers * dim) / 2, 1]).mul(tf.ones([1, 2]));
        const table = (value: tf.Tensor) => value.reshape<tf.Tensor2D>([pointers, dim]);
        const last = keys.slice([0, 0, tokens - pointers, 0], [batch, count, pointers, dim]);
        const turned = rotatePairs(last, { cos: table(angles.cos()), sin: table(angles.sin()) });
        return { queries, keys: tf.concat([keys.slice([0, 0, 0, 0], [batch, count, tokens - pointers, dim]), turned], 2) }; // prettier-ignore
      };
      Object.assign(layer, { positioned });
    });
    expect(found).toBe("memory_attention.layers.0.cross_attn_image.k");
  });

  it("masks made memories as those of prompts are", async () => {
    const found = await departsIn((model) => {
      const { memoryEncoder } = model;
      const encode = memoryEncoder.call.bind(memoryEncoder);
      memoryEncoder.call = (raw, masks) => encode(raw, masks.sign().mul(10));
    });
    expect(found).toBe("memory_encoder.masks");
  });
});
