import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../src/backend/useBackend.node.js";
import { FORWARD } from "./backends.js";
import { expectParity } from "./check.js";
import type { TracedTensor } from "../../src/inspect/trace.js";
import { fixtureNames, readFixture } from "./fixture.js";
import { Sam2ImagePredictor } from "../../src/predictor/sam2ImagePredictor.js";
import { forwardFrame, forwardVideo, loadSam2, mapsOf, sam2Limit, type ImagePrompt } from "./sam2Cases.js";

// The others take minutes: for CI with --full, where MEDSAM_TEST_SLOW is set.
const isAsked = process.env["MEDSAM_TEST_SLOW"] === "1";

// WebGPU drawn by the processor compiles for a minute before it computes.
const TIMEOUT = 600_000;

/** What is computed, with the row of the table before each name. */
function named(row: string, values: ReadonlyMap<string, TracedTensor>): Map<string, TracedTensor> {
  const found = [...values].filter(([name]) => !name.startsWith("input."));
  return new Map(found.map(([name, value]) => [`${row}/${name}`, value]));
}

describe.each(FORWARD)("a small SAM 2.1 equals PyTorch's on %s", (backend) => {
  beforeAll(() => useBackend(backend));

  it("tracks two objects into a frame, module by module", { timeout: TIMEOUT }, async () => {
    const fixture = readFixture("sam2-frame");
    const model = loadSam2(fixture);
    const before = tf.memory().numTensors;
    const got = await forwardFrame(model, fixture);
    expect(tf.memory().numTensors).toBe(before);
    expectParity(`sam2-${backend}`, named("frame", got), named("frame", fixture.tensors), sam2Limit);
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });

  // Plain JavaScript takes a second a frame: one of them has to do for it. WebGPU drawn by the processor takes several.
  const quick = backend === "cpu" ? ["correction"] : [];
  const isSlow = backend === "cpu" || backend === "webgpu";
  it.each(isSlow && !isAsked ? quick : fixtureNames("sam2-video-"))(
    "answers the video predictor's questions: %s",
    { timeout: TIMEOUT },
    async (name) => {
      const fixture = readFixture(`sam2-video-${name}`);
      const got = await forwardVideo(fixture);
      expect(tf.memory().numTensors).toBe(0);
      expect([...got.keys()].sort()).toEqual([...fixture.tensors.keys()].sort());
      const row = `video-${name}`;
      expectParity(`sam2-${backend}`, named(row, got), named(row, fixture.tensors), () => "logits");
    },
  );

  it("segments an image as SAM2ImagePredictor", { timeout: TIMEOUT }, async () => {
    const fixture = readFixture("sam2-image");
    const { tensors } = fixture;
    const pixels = tensors.get("input.pixels")!;
    const [height, width] = pixels.shape;
    const model = loadSam2(fixture);
    const predictor = new Sam2ImagePredictor(model);
    await predictor.setImage({ width, height, channels: 3, data: Uint8Array.from(pixels.values) });
    const got = new Map<string, TracedTensor>();
    for (const [name, prompt] of Object.entries(fixture.case["prompts"] as Record<string, ImagePrompt>)) {
      const low = prompt.mask_input && got.get(`${prompt.mask_input}.low_res_logits`)!;
      const result = await predictor.predict(
        {
          box: prompt.box,
          pointCoords: prompt.point_coords,
          pointLabels: prompt.point_labels,
          ...(low && { maskInput: { width: low.shape[2], height: low.shape[1], data: low.values } }),
        },
        {
          returnLogits: true,
          ...(prompt.multimask_output !== undefined && { multimaskOutput: prompt.multimask_output }),
        },
      );
      got.set(`${name}.maps`, mapsOf(result.logits!));
      got.set(`${name}.low_res_logits`, mapsOf(result.lowResLogits));
      const scores = Float32Array.from(result.scores);
      got.set(`${name}.iou_predictions`, { shape: [scores.length], values: scores });
    }
    expectParity(`sam2-${backend}`, named("image", got), named("image", tensors), () => "logits");
    await predictor.dispose();
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });
});
