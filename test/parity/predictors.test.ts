import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../src/backend/useBackend.node.js";
import { FORWARD } from "./backends.js";
import { forwardPredictor, predictorLimit } from "./cases.js";
import { expectParity } from "./check.js";
import { computed, fixtureNames, readFixture } from "./fixture.js";

describe.each(FORWARD)("predictors equal upstream's scripts on %s", (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(fixtureNames("predictor-"))("%s", async (name) => {
    const fixture = readFixture(`predictor-${name}`);
    const { tensors, differ, area } = await forwardPredictor(name, fixture);
    const prefixed = <T>(values: ReadonlyMap<string, T>) =>
      new Map([...values].map(([path, value]) => [`${name}/${path}`, value]));
    const expected = prefixed(computed(fixture.tensors));
    expectParity(`predictors-${backend}`, prefixed(tensors), expected, predictorLimit);
    expect(differ).toBe(0);
    expect(area).toBeGreaterThan(100);
    expect(tf.memory().numTensors).toBe(0);
  });
});
