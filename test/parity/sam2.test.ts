import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../../src/backend/useBackend.node.js";
import { FORWARD } from "./backends.js";
import { expectParity } from "./check.js";
import { Sam2VideoPredictor } from "../../src/predictor/videoPredictor.js";
import type { TracedTensor } from "../../src/inspect/trace.js";
import { fixtureNames, readFixture } from "./fixture.js";
import {
  forwardFrame,
  loadSam2,
  logitsOf,
  oracleVideo,
  sam2Limit,
  videoStep,
  type VideoStep,
} from "./sam2Cases.js";

describe.each(FORWARD)("a small SAM 2.1 equals PyTorch's on %s", (backend) => {
  beforeAll(() => useBackend(backend));

  it("tracks two objects into a frame, module by module", async () => {
    const fixture = readFixture("sam2-frame");
    const model = loadSam2(fixture);
    const before = tf.memory().numTensors;
    const got = await forwardFrame(model, fixture);
    expect(tf.memory().numTensors).toBe(before);
    const expected = new Map([...fixture.tensors].filter(([name]) => !name.startsWith("input.")));
    expectParity(`sam2-${backend}`, got, expected, sam2Limit);
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });

  // Plain JavaScript takes a second a frame: one of them has to do for it.
  it.each(backend === "cpu" ? ["correction"] : fixtureNames("sam2-video-"))(
    "answers the video predictor's questions: %s",
    async (name) => {
      const fixture = readFixture(`sam2-video-${name}`);
      const {
        frames: count,
        width,
        height,
        steps,
      } = fixture.case as {
        frames: number;
        width: number;
        height: number;
        steps: VideoStep[];
      };
      const model = loadSam2(fixture);
      const { preset, frames } = oracleVideo({ width, height }, count, model.config.imageSize);
      const options = { preset, fillHoleArea: 0, returnLogits: true };
      const predictor = new Sam2VideoPredictor(model, options);
      const state = predictor.initState(frames);
      const got = new Map<string, TracedTensor>();
      for (const [index, step] of steps.entries())
        for (const masks of await videoStep(predictor, state, step))
          got.set(`${index}.${masks.frame}`, logitsOf(masks));
      expect([...got.keys()].sort()).toEqual([...fixture.tensors.keys()].sort());
      const prefixed = <T>(values: ReadonlyMap<string, T>) =>
        new Map([...values].map(([path, value]) => [`${name}/${path}`, value]));
      expectParity(`sam2-${backend}`, prefixed(got), prefixed(fixture.tensors), () => "logits");
      await predictor.dispose();
      model.dispose();
      expect(tf.memory().numTensors).toBe(0);
    },
  );
});
