import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../src/backend/useBackend.node.js";
import type { TracedTensor } from "../../src/inspect/trace.js";
import type { SamConfig } from "../../src/model/config.js";
import { Sam } from "../../src/model/sam.js";
import { findPreset, prepareImage } from "../../src/predictor/presetTable.js";
import { SamPredictor } from "../../src/predictor/samPredictor.js";
import type { Box, LogitMap } from "../../src/predictor/types.js";
import { FORWARD } from "./backends.js";
import { expectParity } from "./check.js";
import { computed, fixtureNames, readFixture } from "./fixture.js";
import { oracleParameters } from "./oracle.js";

const PRESET: Readonly<Record<string, string>> = {
  medsam: "MedSAM_Inference",
  sam: "SamPredictor",
  lite: "LiteMedSAM",
};

/** Maps of B prompts with M candidates each, as PyTorch holds them: [B, M, h, w]. */
function stack(maps: readonly (readonly LogitMap[])[]): TracedTensor {
  const [[{ width, height }]] = maps;
  const values = Float32Array.from(maps.flatMap((row) => row.flatMap(({ data }) => [...data])));
  return { shape: [maps.length, maps[0].length, height, width], values };
}

describe.each(FORWARD)("predictors equal upstream's scripts on %s", (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(fixtureNames("predictor-"))("%s", async (name) => {
    const fixture = readFixture(`predictor-${name}`);
    const model = new Sam(oracleParameters(), fixture.case["config"] as SamConfig);
    const preset = findPreset(PRESET[name]);
    const pixels = fixture.tensors.get("input.pixels")!;
    const [height, width] = pixels.shape;
    const image = { width, height, channels: 3, data: Uint8Array.from(pixels.values) } as const;
    const flat = [...fixture.tensors.get("input.boxes")!.values];
    const boxes = [flat.slice(0, 4), flat.slice(4)] as unknown as Box[];

    const predictor = new SamPredictor(model, { preset });
    await predictor.setImage(image);
    const multimaskOutput = name === "sam";
    const predictions = await predictor.predictBoxes(boxes, { multimaskOutput, returnLogits: true });

    const { pixels: input, frame } = prepareImage(preset, image, model.config.imageSize);
    const { side } = frame;
    const planes = [0, 1, 2].flatMap((c) => Array.from({ length: side * side }, (_, n) => input[3 * n + c]));
    const prepared = { shape: [1, 3, side, side], values: Float32Array.from(planes) };
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
    const logits = stack(predictions.map((p) => p.logits!));
    const maps = name === "medsam" ? { ...logits, values: logits.values.map(sigmoid) } : logits;
    const got = new Map<string, TracedTensor>([
      ["prepared", prepared],
      ["low_res_logits", stack(predictions.map((p) => p.lowResLogits))],
      [
        "iou_predictions",
        {
          shape: [boxes.length, predictions[0].scores.length],
          values: Float32Array.from(predictions.flatMap((p) => [...p.scores])),
        },
      ],
      ["maps", maps],
    ]);
    const prefixed = <T>(values: ReadonlyMap<string, T>) =>
      new Map([...values].map(([path, value]) => [`${name}/${path}`, value]));
    expectParity(`predictors-${backend}`, prefixed(got), prefixed(computed(fixture.tensors)), (path) =>
      path.endsWith("prepared") ? "operation" : "logits",
    );

    const expected = fixture.tensors.get("maps")!.values;
    const inside = predictions.flatMap((p) => p.masks.flatMap(({ data }) => [...data]));
    const differ = inside.filter((value, n) => value !== (expected[n] > preset.threshold ? 1 : 0));
    expect(differ.length).toBe(0);
    expect(inside.filter((value) => value === 1).length).toBeGreaterThan(100);
    predictor.dispose();
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });
});
