import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { Gelu } from "../../../src/layers/activation.js";
import { Layer } from "../../../src/layers/layer.js";
import { Linear } from "../../../src/layers/linear.js";
import { LayerNorm } from "../../../src/layers/norm.js";
import { AdamW, withoutNormsAndBiases, type AdamWOptions } from "../../../src/train/adamw.js";
import { clipByGlobalNorm, disposeGradients, lossAndGradients } from "../../../src/train/gradients.js";
import { bytesSource } from "../../../src/weights/byteSource.js";
import { CheckpointError, type Checkpoint } from "../../../src/weights/checkpoint.js";
import { ParamScope } from "../../../src/weights/paramScope.js";
import { readSafetensors } from "../../../src/weights/safetensors.js";
import { safetensorsBytes } from "../../../src/weights/safetensorsWriter.js";
import { BACKWARD } from "../../parity/backends.js";
import { oracleInput, oracleParameters } from "../../parity/oracle.js";
import { expectClose, onBackend, readTrainFixture, smallLayer } from "./fixtures.js";

/** The model of `make_train_fixtures.py`. */
class Small extends Layer {
  lin1: Linear;
  norm: LayerNorm;
  lin2: Linear;
  unused: Linear;
  zero: Linear;
  act = new Gelu();

  constructor(params: ParamScope) {
    super();
    const linear = (name: string, inFeatures: number, outFeatures: number) =>
      new Linear(params.at(name), { inFeatures, outFeatures });
    this.lin1 = linear("lin1", 4, 6);
    this.norm = new LayerNorm(params.at("norm"), { dim: 6, eps: 1e-5 });
    this.lin2 = linear("lin2", 6, 3);
    this.unused = linear("unused", 3, 2);
    this.zero = linear("zero", 3, 2);
  }

  forward(x: tf.Tensor): tf.Tensor {
    const y = this.lin2.call(this.act.call(this.norm.call(this.lin1.call(x))));
    return y.square().mean().add(y.sigmoid().mean()).add(this.zero.call(y).sum().mul(0));
  }
}

function batch(step: number): tf.Tensor {
  return tf.tensor(
    oracleInput(`batch:${step}`, [5, 4]).map((value) => value * 2 - 1),
    [5, 4],
  );
}

/** One step; gives the loss and the norm of the gradients before clipping. */
function train(model: Small, optimiser: AdamW, step: number, clip?: number): [loss: number, norm: number] {
  const x = batch(step);
  const { loss, gradients } = lossAndGradients(() => model.call(x).asScalar(), model.namedParameters());
  const { gradients: clipped, norm } = clipByGlobalNorm(gradients, clip ?? Infinity);
  optimiser.step(clipped);
  const result = [loss.dataSync()[0], norm.dataSync()[0]] as const;
  tf.dispose([x, loss, norm]);
  disposeGradients(gradients);
  disposeGradients(clipped);
  return [...result];
}

function reopened(optimiser: AdamW): Checkpoint {
  return readSafetensors(bytesSource(safetensorsBytes(optimiser.state()), "state"));
}

function valuesOf(model: Layer): Map<string, number[]> {
  return new Map([...model.namedParameters()].map(([path, { value }]) => [path, [...value.dataSync()]]));
}

const OPTIONS: Readonly<Record<string, AdamWOptions>> = {
  defaults: {},
  groups: { learningRate: 2e-2, betas: [0.8, 0.95], eps: 1e-6, weightDecay: 0.3 },
};

describe.each(BACKWARD)("ten steps of AdamW equal PyTorch's on %s", (backend) => {
  onBackend(backend);

  it.each(["defaults", "groups"])("%s", (name) => {
    const fixture = readTrainFixture(`adamw-${name}`);
    const model = new Small(oracleParameters());
    const parameters = model.namedParameters();
    const groups = name === "groups" ? withoutNormsAndBiases(parameters) : [{ parameters }];
    const optimiser = new AdamW(groups, OPTIONS[name]);
    const clip = fixture.case["clip"] as number | null;
    const steps = Array.from({ length: 10 }, (_, step) => train(model, optimiser, step, clip ?? undefined));
    const row = (index: 0 | 1) => ({ shape: [10], values: Float32Array.from(steps, (step) => step[index]) });
    expectClose(row(0), fixture, "losses", 1e-6);
    if (clip !== null) expectClose(row(1), fixture, "norms", 3e-6);
    for (const [path, parameter] of parameters)
      expectClose({ shape: parameter.shape, values: parameter.toTorch() }, fixture, `after.${path}`, 1e-6);
    const state = reopened(optimiser);
    for (const path of state.tensors.keys()) {
      const values = new Float32Array(state.readBytes(path).slice().buffer);
      const { shape } = state.tensors.get(path) ?? { shape: [] };
      expectClose({ shape, values }, fixture, `state.${path}`, 1e-5);
    }
    expect(state.tensors.size).toBe(
      [...fixture.tensors.keys()].filter((key) => key.startsWith("state.")).length,
    );
    optimiser.dispose();
    model.dispose();
  });
});

describe("AdamW", () => {
  onBackend("cpu");

  it("leaves a parameter without gradient alone, and decays one whose gradient is zero", () => {
    const model = new Small(oracleParameters());
    const optimiser = new AdamW([{ parameters: model.namedParameters() }], {
      learningRate: 0.5,
      weightDecay: 0.5,
    });
    const before = valuesOf(model);
    train(model, optimiser, 0);
    const after = valuesOf(model);
    expect(after.get("unused.weight")).toEqual(before.get("unused.weight"));
    expect(after.get("zero.weight")).toEqual(before.get("zero.weight")?.map((v) => Math.fround(v * 0.75)));
    expect(after.get("lin1.weight")).not.toEqual(before.get("lin1.weight"));
    optimiser.dispose();
    model.dispose();
  });

  it("corrects each vector by its own number of steps, whatever others it is changed together with", () => {
    const [together, apart] = [smallLayer(), smallLayer()];
    const late = "lin1.bias";
    const both = new AdamW([{ parameters: together.namedParameters() }], { learningRate: 0.1 });
    const each = new Map(
      [...apart.namedParameters()].map((entry) => [
        entry[0],
        new AdamW([{ parameters: new Map([entry]) }], { learningRate: 0.1 }),
      ]),
    );
    for (let step = 0; step < 3; step++) {
      const gradients = new Map<string, tf.Tensor>();
      for (const [path, { value }] of together.namedParameters())
        if (path !== late || step > 0) gradients.set(path, tf.fill(value.shape, 0.7 ** step));
      both.step(gradients);
      for (const [path, gradient] of gradients) each.get(path)?.step(new Map([[path, gradient]]));
      disposeGradients(gradients);
    }
    expect(valuesOf(together)).toEqual(valuesOf(apart));
    for (const one of [both, ...each.values(), together, apart]) one.dispose();
  });

  it("goes on bit for bit from its saved state", () => {
    const straight = new Small(oracleParameters());
    const optimiser = new AdamW([{ parameters: straight.namedParameters() }], { learningRate: 1e-2 });
    for (let step = 0; step < 3; step++) train(straight, optimiser, step);
    const weights = new Map([...straight.namedParameters()].map(([path, p]) => [path, p.toTorch().slice()]));
    const saved = reopened(optimiser);
    for (let step = 3; step < 6; step++) train(straight, optimiser, step);

    const resumed = new Small(new ParamScope({ values: (path) => weights.get(path) ?? new Float32Array() }));
    const second = new AdamW([{ parameters: resumed.namedParameters() }], { learningRate: 1e-2 });
    second.restore(saved);
    for (let step = 3; step < 6; step++) train(resumed, second, step);
    expect(valuesOf(resumed)).toEqual(valuesOf(straight));
    for (const thing of [optimiser, second, straight, resumed]) thing.dispose();
  });

  it("refuses the state of other parameters and keeps its own", () => {
    const model = new Small(oracleParameters());
    const optimiser = new AdamW([{ parameters: model.namedParameters() }]);
    train(model, optimiser, 0);
    const some = new AdamW([{ parameters: new Map([...model.namedParameters()].slice(0, 2)) }]);
    expect(() => some.restore(reopened(optimiser))).toThrow(CheckpointError);
    expect(() => some.restore(reopened(optimiser))).toThrow(
      /state: exp_avg\.\S+ is of no parameter that trains/,
    );
    const file = (name: string, shape: number[]) => {
      const bytes = () => new Uint8Array(4 * shape.reduce((a, b) => a * b, 1));
      return readSafetensors(bytesSource(safetensorsBytes([{ name, dtype: "F32", shape, bytes }]), "state"));
    };
    expect(() => optimiser.restore(file("exp_avg.lin1.weight", [4, 6]))).toThrow(
      "state: exp_avg.lin1.weight is [4,6]; expected [6,4]",
    );
    expect(() => optimiser.restore(file("step.lin1.weight", []))).toThrow("exp_avg.lin1.weight is missing");
    expect(optimiser.state()).toHaveLength(3 * 8);
    for (const thing of [optimiser, some, model]) thing.dispose();
  });

  it("holds two tensors a parameter, from its first gradient on, however many steps", () => {
    const model = new Small(oracleParameters());
    const optimiser = new AdamW([{ parameters: model.namedParameters() }]);
    const before = tf.memory();
    train(model, optimiser, 0);
    const { numTensors, numBytes } = tf.memory();
    // All but the two unused.
    expect(numTensors).toBe(before.numTensors + 2 * 8);
    for (let step = 1; step < 300; step++) train(model, optimiser, step % 10);
    expect(tf.memory()).toMatchObject({ numTensors, numBytes });
    optimiser.dispose();
    expect(tf.memory().numTensors).toBe(before.numTensors);
    model.dispose();
  });

  it("takes the learning rate's factor for all groups", () => {
    const layer = smallLayer();
    const bias = layer.namedParameters().get("lin2.bias");
    if (bias === undefined) throw new Error("no lin2.bias");
    const optimiser = new AdamW([{ parameters: new Map([["lin2.bias", bias]]), learningRate: 0.1 }], {
      weightDecay: 0,
    });
    const before = [...bias.value.dataSync()];
    const gradient = tf.ones([3]);
    optimiser.step(new Map([["lin2.bias", gradient]]), 0.5);
    // The first step is the learning rate itself, whatever the gradient's size.
    for (const [index, value] of [...bias.value.dataSync()].entries())
      expect(value).toBeCloseTo(before[index] - 0.05, 6);
    gradient.dispose();
    optimiser.dispose();
    layer.dispose();
  });

  it("names what is wrong", () => {
    const layer = smallLayer();
    const parameters = layer.namedParameters();
    expect(() => new AdamW([])).toThrow("AdamW: no parameter to train");
    expect(() => new AdamW([{ parameters }, { parameters }])).toThrow("lin1.weight is in two groups");
    expect(() => new AdamW([{ parameters }], { betas: [0.9, 1] })).toThrow("AdamW: betas[1] is 1");
    expect(() => new AdamW([{ parameters }], { learningRate: NaN })).toThrow("AdamW: learningRate is NaN");
    const optimiser = new AdamW([{ parameters }]);
    const gradient = tf.zeros([3]);
    expect(() => optimiser.step(new Map([["lin3.bias", gradient]]))).toThrow("lin3.bias has a gradient");
    expect(() => optimiser.step(new Map([["lin1.bias", gradient]]))).toThrow(
      "AdamW: gradient of lin1.bias is [3]; expected [5], as the parameter",
    );
    tf.dispose(gradient);
    optimiser.dispose();
    layer.dispose();
  });
});

describe("the groups without decay", () => {
  onBackend("cpu");

  it("hold norms and biases and nothing else", () => {
    const model = new Small(oracleParameters());
    const [decayed, others] = withoutNormsAndBiases(model.namedParameters());
    expect([...decayed.parameters.keys()]).toEqual([
      "lin1.weight",
      "lin2.weight",
      "unused.weight",
      "zero.weight",
    ]);
    expect([...others.parameters.keys()]).toContain("norm.weight");
    expect(others.parameters.size).toBe(6);
    expect(others.weightDecay).toBe(0);
    model.dispose();
  });
});
