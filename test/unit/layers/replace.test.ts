import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import { Gelu, Relu } from "../../../src/layers/activation.js";
import { Linear } from "../../../src/layers/linear.js";
import { Mlp, MlpBlock } from "../../../src/layers/mlp.js";
import { Recomputed } from "../../../src/layers/recomputed.js";
import { replaceLayers } from "../../../src/layers/replace.js";
import { MapSequential } from "../../../src/layers/sequential.js";
import { seededParameters } from "../../../src/weights/paramScope.js";

const block = () => new MlpBlock(seededParameters(1), { dim: 4, hiddenDim: 8, act: new Relu() });

describe("replacing layers", () => {
  beforeAll(() => useBackend("cpu"));
  afterEach(() => expect(tf.memory().numTensors).toBe(0));

  it("reaches fields, arrays and sequences, and is told their paths", () => {
    const mlp = new Mlp(seededParameters(1), { inputDim: 4, hiddenDim: 3, outputDim: 2, numLayers: 2 });
    const root = new MapSequential([block(), mlp, new Relu()]);
    const seen: string[] = [];
    replaceLayers(root, (layer, path) => {
      seen.push(path);
      return layer instanceof Relu ? new Gelu() : undefined;
    });
    expect(seen).toEqual(["0", "0.lin1", "0.lin2", "0.act", "1", "1.layers.0", "1.layers.1", "1.act", "2"]);
    const kinds = [...root.namedLayers()].filter(([, layer]) => layer instanceof Gelu).map(([path]) => path);
    expect(kinds).toEqual(["0.act", "1.act", "2"]);
    root.dispose();
  });

  it("says which layer it cannot reach", () => {
    const root = new Recomputed(block(), new Set());
    const replace = (layer: unknown) => (layer instanceof Linear ? new Relu() : undefined);
    expect(() => replaceLayers(root, replace)).toThrow("lin1: no field of its parent Recomputed holds it");
    root.dispose();
  });
});
