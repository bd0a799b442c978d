import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import type { BackendName } from "../../src/backend/startBackend.js";
import { useBackend } from "../../src/backend/useBackend.node.js";
import type { AnyLayer, LayerOutput } from "../../src/layers/layer.js";
import { addLora } from "../../src/layers/lora.js";
import { Recomputed } from "../../src/layers/recomputed.js";
import { replaceLayers } from "../../src/layers/replace.js";
import { gridSize, type SamConfig } from "../../src/model/config.js";
import { Sam } from "../../src/model/sam.js";
import { SamPredictor } from "../../src/predictor/samPredictor.js";
import type { Box, Point, Prompt } from "../../src/predictor/types.js";
import { batchLoss } from "../../src/train/batchLoss.js";
import { disposeGradients, lossAndGradients } from "../../src/train/gradients.js";
import { seededParameters } from "../../src/weights/paramScope.js";
import { BACKWARD, FORWARD } from "./backends.js";

// Whatever form a backend takes, a layer that was replaced must compute. Every layer of the tree is tried, beside others
// that are the package's own: of the children of each parent first the first ones, then the second ones, and so on.

/** WebGPU is drawn by the processor here, which takes many minutes: MEDSAM_TEST_SLOW=1 asks for it. */
const BACKENDS = FORWARD.filter((name) => name !== "webgpu" || process.env["MEDSAM_TEST_SLOW"] === "1");

const MASK_DECODER = {
  depth: 1,
  numHeads: 2,
  mlpDim: 8,
  numMultimaskOutputs: 1,
  iouHeadDepth: 2,
  iouHeadHiddenDim: 8,
};
const COMMON = { family: "sam", promptEmbedDim: 8, maskInChans: 4, maskDecoder: MASK_DECODER } as const;
const CONFIGS = {
  ViT: {
    ...COMMON,
    imageSize: 8,
    patchSize: 2,
    imageEncoder: {
      type: "ViT",
      embedDim: 8,
      depth: 2,
      numHeads: 2,
      mlpRatio: 2,
      windowSize: 3,
      globalAttnIndexes: [1],
    },
  },
  TinyViT: {
    ...COMMON,
    imageSize: 8,
    patchSize: 4,
    imageEncoder: {
      type: "TinyViT",
      embedDims: [4, 4, 4, 4],
      depths: [1, 1, 1, 1],
      numHeads: [1, 1, 1, 2],
      windowSizes: [2, 2, 2, 2],
    },
  },
} as const satisfies Readonly<Record<string, SamConfig>>;

type Replaceable = AnyLayer & { forward: (...args: unknown[]) => LayerOutput };

const scaled = (out: LayerOutput): LayerOutput =>
  out instanceof tf.Tensor
    ? out.mul(1.5)
    : Object.fromEntries(Object.entries(out).map(([name, value]) => [name, value.mul(1.5)]));

/** A layer of a class of its own with the same fields, whose `forward` gives more. */
function asSubclass(layer: AnyLayer, onCall: () => void): AnyLayer {
  const Base = layer.constructor as new () => Replaceable;
  class Own extends Base {
    override forward = undefined as never;
  }
  Object.defineProperty(Own.prototype, "forward", {
    value(this: unknown, ...args: unknown[]) {
      onCall();
      return scaled((Base.prototype as Replaceable).forward.call(this, ...args));
    },
  });
  return Object.assign(Object.create(Own.prototype) as AnyLayer, layer);
}

/** Changes what one method of the layer itself gives. */
const asInstance =
  (method: "forward" | "call") =>
  (layer: AnyLayer, onCall: () => void): AnyLayer => {
    const original = layer[method].bind(layer) as (...args: unknown[]) => LayerOutput;
    const own = (...args: unknown[]) => {
      onCall();
      return tf.tidy(() => scaled(original(...args)) as tf.Tensor);
    };
    return Object.assign(layer, { [method]: own });
  };

const KINDS = {
  "a subclass": asSubclass,
  "its own forward": asInstance("forward"),
  "its own call": asInstance("call"),
} as const;

/** A model with adapters on its attention, and blocks that are computed again in training. */
function build(config: SamConfig): Sam {
  const model = new Sam(seededParameters(3), config);
  addLora(model, ["image_encoder.**.qkv"], seededParameters(4), { rank: 1, alpha: 1 });
  // LoRA's second factor is zero at first: what gives nothing cannot be scaled.
  for (const [path, { value }] of model.namedParameters())
    if (path.endsWith(".b")) tf.tidy(() => value.assign(tf.onesLike(value)));
  return model;
}

const SIDE = 8;
const IMAGE = {
  width: SIDE,
  height: SIDE,
  channels: 1,
  data: Uint8Array.from({ length: SIDE ** 2 }, (_, n) => (n * 37) % 256),
} as const;
/** Every part of a prompt, so that every layer has something to do. */
const POINTS: Point[] = [
  [2, 2],
  [6, 5],
];
const BOX: Box = [1, 2, 7, 6];
const mask = (side: number) => Float32Array.from({ length: side ** 2 }, (_, n) => Math.sin(n));

async function predict(model: Sam): Promise<string> {
  const predictor = new SamPredictor(model);
  await predictor.setImage(IMAGE);
  const side = 4 * gridSize(model.config);
  const results = [];
  const maskInput = { width: side, height: side, data: mask(side) };
  for (const multimaskOutput of [false, true]) {
    // Without a box, a point that is none is added.
    const prompt: Prompt = {
      pointCoords: POINTS,
      pointLabels: [1, 0],
      maskInput,
      box: multimaskOutput ? BOX : undefined,
    };
    const { scores, lowResLogits } = await predictor.predict(prompt, { multimaskOutput });
    results.push(
      scores,
      lowResLogits.map(({ data }) => [...data]),
    );
  }
  await predictor.dispose();
  return JSON.stringify(results);
}

/** A loss and its gradients, in the blocks' MLPs, which WASM can train too. */
async function train(model: Sam): Promise<string> {
  const parameters = new Map(
    [...model.namedParameters()].filter(([path]) => /\.(lin1|fc1|lin2|fc2)\.weight$/.test(path)),
  );
  const trained = new Set(parameters.values());
  const isBlock = (path: string) => /^image_encoder\.(blocks|layers)\.\d+$/.test(path);
  replaceLayers(model, (layer, path) =>
    isBlock(path) ? new Recomputed(layer as never, trained) : undefined,
  );
  const side = 4 * gridSize(model.config);
  const images = tf.tensor4d(mask(SIDE * 3).slice(0, 3 * SIDE ** 2), [1, SIDE, SIDE, 3]);
  const target = tf.ones([1, 1, SIDE, SIDE]);
  const prompts = {
    pointCoords: tf.tensor3d(POINTS.flat(), [1, POINTS.length, 2]),
    pointLabels: tf.tensor2d([[1, -1]]),
    boxes: tf.tensor2d([...BOX], [1, 4]),
    maskInputs: tf.tensor4d(mask(side), [1, side, side, 1]),
  };
  const { loss, gradients } = lossAndGradients(
    () => batchLoss(model, { images, prompts, target }, "sam"),
    parameters,
  );
  const results = await Promise.all([loss, ...gradients.values()].map((tensor) => tensor.data()));
  disposeGradients(gradients);
  tf.dispose([loss, images, target, prompts]);
  replaceLayers(model, (layer) => (layer instanceof Recomputed ? layer.inner : undefined));
  return JSON.stringify(results.map((values) => [...values]));
}

/** TensorFlow.js has no gradient of a depthwise convolution on WASM. */
const ROUTES: readonly (readonly [string, keyof typeof CONFIGS, typeof predict, readonly BackendName[]])[] = [
  ["a prediction", "ViT", predict, FORWARD],
  ["a prediction", "TinyViT", predict, FORWARD],
  ["a training step", "ViT", train, [...BACKWARD, "wasm"]],
  ["a training step", "TinyViT", train, BACKWARD],
];

/** Paths by their place among the children of their parent; those that lie deepest come first. */
function byPlace(model: Sam): Set<string>[] {
  const places: Set<string>[] = [];
  for (const [path, layer] of [...model.namedLayers()].toReversed())
    for (const [place, [name]] of [...layer.children()].entries())
      (places[place] ??= new Set()).add(path === "" ? name : `${path}.${name}`);
  return places;
}

describe.each(BACKENDS)("on %s", (backend) => {
  beforeAll(() => useBackend(backend, { threads: 1 }));

  const routes = ROUTES.filter(([, , , backends]) => backends.includes(backend));
  describe.each(routes)("%s of a %s model", (_, family, route) => {
    // How a layer is replaced matters to no backend. WebGPU is drawn by the processor here, hundreds of times slower.
    it.each(Object.entries(KINDS))("takes every layer with %s", { timeout: 600_000 }, async (_, own) => {
      const tensors = tf.memory().numTensors;
      const model = build(CONFIGS[family]);
      const plain = await route(model);
      for (const paths of byPlace(model)) {
        const called = new Set<string>();
        const replaced: [at: string, layer: AnyLayer][] = [];
        for (const path of paths)
          replaceLayers(model, (layer, at) => {
            if (at !== path) return undefined;
            replaced.push([path, layer]);
            return own(layer, () => called.add(path));
          });
        const changed = await route(model);
        expect([...paths].filter((path) => !called.has(path))).toEqual([]);
        expect(changed).not.toBe(plain);
        // Parents first, so that each gets its own children back.
        for (const [path, layer] of replaced.toReversed()) {
          Reflect.deleteProperty(layer, "forward");
          Reflect.deleteProperty(layer, "call");
          replaceLayers(model, (_, at) => (at === path ? layer : undefined));
        }
      }
      expect(await route(model)).toBe(plain);
      model.dispose();
      expect(tf.memory().numTensors).toBe(tensors);
    });
  });
});

describe("a model with methods of its own", () => {
  beforeAll(() => useBackend("cpu"));

  it.each(["encode", "decode"] as const)("runs its %s in predictions and in training", async (method) => {
    for (const route of [predict, train]) {
      let called = 0;
      class Own extends Sam {}
      const original = Reflect.get(Sam.prototype, method) as (...args: unknown[]) => unknown;
      Object.defineProperty(Own.prototype, method, {
        value(...args: unknown[]) {
          called++;
          return original.apply(this, args);
        },
      });
      const model = new Own(seededParameters(3), CONFIGS.ViT);
      await route(model);
      expect(called).toBeGreaterThan(0);
      model.dispose();
    }
  });

  it.each(["forward", "call"] as const)("is refused where its %s would be passed over", async (method) => {
    const model = new Sam(seededParameters(3), CONFIGS.ViT);
    Object.assign(model, { [method]: Sam.prototype.forward.bind(model) });
    for (const route of [predict, train])
      await expect(route(model)).rejects.toThrow("Sam has a forward or call of its own");
    model.dispose();
  });
});
