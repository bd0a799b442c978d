import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.node.js";
import { readImageFile } from "../../../src/image/decode.node.js";
import { trace, type TracedTensor } from "../../../src/inspect/trace.js";
import { configName } from "../../../src/model/families.js";
import { buildSam } from "../../../src/model/load.js";
import { MEDSAM_INFERENCE } from "../../../src/predictor/presetTable.js";
import { SamPredictor } from "../../../src/predictor/samPredictor.js";
import { openCheckpointFile } from "../../../src/weights/open.node.js";
import { FORWARD } from "../backends.js";
import { expectParity, type LimitName } from "../check.js";
import { computed, readReference } from "../fixture.js";
import { DATA, missing, seededVitB, vitBReference } from "./python.js";

/** The cpu backend is left out: plain JavaScript would take an hour; WebGPU drawn by the processor as well. */
const BACKENDS = FORWARD.filter((name) => name !== "cpu" && name !== "webgpu");

function limitOf(path: string): LimitName {
  if (path.startsWith("image_encoder")) return "encoder";
  return path.startsWith("mask_decoder") || path === "low_res_logits" ? "logits" : "block";
}

describe.skipIf(missing() !== undefined)("ViT-B at full size equals PyTorch, module by module", () => {
  it.each(BACKENDS)("on %s, on the demo image", { timeout: 900_000 }, async (backend) => {
    const reference = readReference(vitBReference());
    const checkpoint = openCheckpointFile(seededVitB());
    await useBackend(backend);
    const { model } = buildSam(checkpoint);
    checkpoint.close();
    expect(configName(model.config)).toBe("VIT_B");

    const predictor = new SamPredictor(model, { preset: MEDSAM_INFERENCE });
    const image = await readImageFile(`${DATA}img_demo.png`);
    const box = [95, 255, 190, 350] as const;
    const { result, tensors } = await trace(model, [...computed(reference.tensors).keys()], async () => {
      await predictor.setImage(image);
      return predictor.predict({ box }, { returnLogits: true });
    });
    const got = new Map<string, TracedTensor>(tensors);
    expectParity(`full-size-${backend}`, got, computed(reference.tensors), limitOf);

    const expected = reference.tensors.get("expected.maps")!.values;
    const [mask] = result.masks;
    let [both, ours, theirs] = [0, 0, 0];
    mask.data.forEach((inside, n) => {
      const wanted = expected[n] > 0.5 ? 1 : 0;
      both += inside & wanted;
      ours += inside;
      theirs += wanted;
    });
    expect((2 * both) / (ours + theirs)).toBeGreaterThanOrEqual(0.999);
    await predictor.dispose();
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
    // Weights, the packed copies that WASM keeps of them, activations, and the traced values beside them.
    console.log(`peak memory with the trace: ${(process.resourceUsage().maxRSS / 1e6).toFixed(2)} GB`);
  });
});
