import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import { sinCosSeries } from "../../../src/ops/circle.js";

describe("sine and cosine by their series", () => {
  beforeAll(() => useBackend("cpu"));

  it("are right over many turns, both ways", () => {
    const angles = Float32Array.from({ length: 4001 }, (_, n) => (n - 2000) / 100);
    const [sin, cos] = sinCosSeries(tf.tensor1d(angles)).map((values) => values.dataSync());
    angles.forEach((angle, n) => {
      // Single precision holds an angle of 20 to 2e-6.
      expect(Math.abs(sin[n] - Math.sin(angle))).toBeLessThan(3e-6);
      expect(Math.abs(cos[n] - Math.cos(angle))).toBeLessThan(3e-6);
    });
    const near = Float32Array.from({ length: 629 }, (_, n) => (n - 314) / 100);
    const [sinNear, cosNear] = sinCosSeries(tf.tensor1d(near)).map((values) => values.dataSync());
    near.forEach((angle, n) => {
      expect(Math.abs(sinNear[n] - Math.sin(angle))).toBeLessThan(1e-6);
      expect(Math.abs(cosNear[n] - Math.cos(angle))).toBeLessThan(1e-6);
    });
  });
});
