import * as tf from "@tensorflow/tfjs";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { assertSelfTest, selfTest, type Golden } from "../../../src/backend/selfTest.js";
import { useBackend } from "../../../src/backend/useBackend.js";
import { EMBEDDED_CHECKPOINT, loadMedSam } from "../../../src/loadMedSam.node.js";
import type { Sam } from "../../../src/model/sam.js";
import { hashFile } from "../../../src/weights/open.node.js";

const GOLDEN = JSON.parse(
  readFileSync(new URL("../../../models/medsam-tiny.golden.json", import.meta.url), "utf8"),
) as Golden;

/** Runs `body` with a parameter multiplied by `factor`. */
async function withScaled<T>(model: Sam, path: string, factor: number, body: () => Promise<T>): Promise<T> {
  const { value } = model.namedParameters().get(path)!;
  const [before, scaled] = [value.clone(), value.mul(factor)];
  value.assign(scaled);
  try {
    return await body();
  } finally {
    value.assign(before);
    tf.dispose([before, scaled]);
  }
}

describe("the self-test", () => {
  let model: Sam;

  beforeAll(async () => {
    await useBackend("wasm");
    model = await loadMedSam();
  });
  afterAll(() => {
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });

  it("was made with the checkpoint that is shipped", async () => {
    expect(GOLDEN.checkpoint).toBe(await hashFile(EMBEDDED_CHECKPOINT));
  });

  it("passes, and sees every module", async () => {
    const rows = await selfTest(model, GOLDEN);
    expect(rows.length).toBe(17);
    expect(() => assertSelfTest(rows)).not.toThrow();
    expect(Math.max(...rows.map(({ difference }) => difference))).toBeLessThan(1e-5);
  });

  it("names the first module that departs, when a weight is changed by 1 %", async () => {
    const path = "image_encoder.blocks.2.mlp.lin1.weight";
    const rows = await withScaled(model, path, 1.01, () => selfTest(model, GOLDEN));
    expect(() => assertSelfTest(rows)).toThrow(
      /image_encoder\.blocks\.2 departs from its golden values by .* %/,
    );
  });

  it("does not take NaN for small", async () => {
    const path = "mask_decoder.iou_token.weight";
    const rows = await withScaled(model, path, NaN, () => selfTest(model, GOLDEN));
    expect(() => assertSelfTest(rows)).toThrow(/mask_decoder\.transformer\.layers\.0\.queries/);
  });
});
