import * as tf from "@tensorflow/tfjs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect } from "vitest";
import { useBackend, type BackendName } from "../../../src/backend/useBackend.node.js";
import { compareTensors } from "../../../src/inspect/compare.js";
import type { TracedTensor } from "../../../src/inspect/trace.js";
import { MlpBlock } from "../../../src/layers/mlp.js";
import { Relu } from "../../../src/layers/activation.js";
import { seededParameters } from "../../../src/weights/paramScope.js";
import { readReference, toTensor, type Fixture } from "../../parity/fixture.js";

/** Runs each test of the suite on a backend, and fails one that leaves a tensor behind. */
export function onBackend(name: BackendName): void {
  let before = 0;
  beforeEach(async () => {
    await useBackend(name);
    before = tf.memory().numTensors;
  });
  afterEach(() => expect(tf.memory().numTensors, "tensors left behind").toBe(before));
}

/** A file of `tools/convert/make_train_fixtures.py`. */
export function readTrainFixture(name: string): Fixture {
  return readReference(fileURLToPath(new URL(`./fixtures/${name}.safetensors`, import.meta.url)));
}

export function tensorOf(fixture: Fixture, name: string): tf.Tensor {
  return toTensor(tracedOf(fixture, name));
}

export function tracedOf({ tensors }: Fixture, name: string): TracedTensor {
  const traced = tensors.get(name);
  if (traced === undefined) throw new Error(`the fixture has no ${name}`);
  return traced;
}

/** Values equal those of the fixture, within `relative` of its largest. */
export function expectClose(
  got: tf.Tensor | TracedTensor,
  fixture: Fixture,
  name: string,
  relative: number,
): void {
  const expected = tracedOf(fixture, name);
  const values = got instanceof tf.Tensor ? { shape: got.shape, values: got.dataSync<"float32">() } : got;
  const largest = expected.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const comparison = compareTensors(name, values, expected, { absolute: relative * largest, relative: 0 });
  expect(comparison.ok, `${name}: ${comparison.detail}`).toBe(true);
}

/** A layer with four parameters for tests that need any. */
export function smallLayer(seed = 1): MlpBlock {
  return new MlpBlock(seededParameters(seed), { dim: 3, hiddenDim: 5, act: new Relu() });
}
