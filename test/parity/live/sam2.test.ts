import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.node.js";
import { dice } from "../../../src/evaluate/overlap.js";
import { flatMask } from "../../../src/evaluate/voxelMask.js";
import { MEDSAM2 } from "../../../src/model/sam2/config.js";
import { buildSam2 } from "../../../src/model/load.js";
import { Sam2VideoPredictor } from "../../../src/predictor/videoPredictor.js";
import { openCheckpointFile } from "../../../src/weights/open.node.js";
import { FORWARD } from "../backends.js";
import { expectParity } from "../check.js";
import { readReference } from "../fixture.js";
import { forwardFrame, oracleVideo, sam2Limit, videoStep, type VideoCase } from "../sam2Cases.js";
import { medSam2Video, missing, seededMedSam2 } from "./python.js";

/** WASM takes minutes: for CI with --full. Plain JavaScript, and WebGPU drawn by the processor, would take hours. */
const BACKENDS = FORWARD.filter(
  (name) => name === "tensorflow" || (name === "wasm" && process.env["MEDSAM_TEST_SLOW"] === "1"),
);

/** A mask of a step and frame of the video, not a value inside the recorded frame. */
const isMask = (name: string) => /^\d+\.\d+$/.test(name);

describe.skipIf(BACKENDS.length === 0 || missing(false) !== undefined)("MedSAM2 equals PyTorch", () => {
  it.each(BACKENDS)("on %s, in a frame and over a video", { timeout: 1_800_000 }, async (backend) => {
    const fixture = readReference(medSam2Video());
    await useBackend(backend);
    const checkpoint = openCheckpointFile(seededMedSam2());
    const { model } = buildSam2(checkpoint);
    checkpoint.close();
    expect(model.config).toEqual(MEDSAM2);

    const inside = new Map(
      [...fixture.tensors].filter(([name]) => !isMask(name) && !name.startsWith("input.")),
    );
    expectParity(`medsam2-${backend}`, await forwardFrame(model, fixture), inside, sam2Limit);

    const { frames: count, width, height, steps } = fixture.case as unknown as VideoCase;
    const { preset, frames } = oracleVideo({ width, height }, count, MEDSAM2.imageSize);
    const predictor = new Sam2VideoPredictor(model, { preset, fillHoleArea: 0 });
    const state = predictor.initState(frames);
    const seen: string[] = [];
    for (const [index, step] of steps.entries())
      for (const { frame, objects } of await videoStep(predictor, state, step)) {
        const name = `${index}.${frame}`;
        seen.push(name);
        const { shape, values } = fixture.tensors.get(name)!;
        expect(shape).toEqual([objects.length, height, width]);
        for (const [n, { mask }] of objects.entries()) {
          const theirs = Uint8Array.from(values.subarray(n * width * height, (n + 1) * width * height));
          const overlap = dice(flatMask({ width, height, data: theirs }), flatMask(mask));
          expect(overlap, `step ${index}, frame ${frame}, object ${n}`).toBeGreaterThanOrEqual(0.999);
        }
      }
    expect(seen.sort()).toEqual([...fixture.tensors.keys()].filter(isMask).sort());
    await predictor.dispose();
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });
});
