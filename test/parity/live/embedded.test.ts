import * as tf from "@tensorflow/tfjs";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.node.js";
import { dice } from "../../../src/evaluate/overlap.js";
import { flatMask } from "../../../src/evaluate/voxelMask.js";
import { buildSam } from "../../../src/model/load.js";
import { SamPredictor } from "../../../src/predictor/samPredictor.js";
import type { Box } from "../../../src/predictor/types.js";
import {
  readPromptImage,
  readPromptTruth,
  readRealPrompts,
} from "../../../src/train/embedded/realPrompts.node.js";
import { openCheckpointFile } from "../../../src/weights/open.node.js";
import { EMBEDDED_CHECKPOINT } from "../../../src/loadMedSam.node.js";
import { temporaryFolder } from "../../e2e/medsam.js";
import { DATA, missing, python } from "./python.js";

/** What PyTorch gives for one prompt: `score_images.py`. */
interface Score {
  readonly id: string;
  readonly kind: "tight" | "wider";
  readonly box: Box;
  readonly dice: number | null;
  /** Run lengths along the rows, background first. */
  readonly runs: readonly number[];
}

const PROMPTS = fileURLToPath(new URL("../prompts.json", import.meta.url));

function fromRuns(runs: readonly number[]): Uint8Array {
  const out = new Uint8Array(runs.reduce((sum, run) => sum + run, 0));
  let at = 0;
  for (const [index, run] of runs.entries()) {
    if (index % 2 === 1) out.fill(1, at, at + run);
    at += run;
  }
  return out;
}

describe.skipIf(missing() !== undefined)("the embedded checkpoint on real images equals PyTorch", () => {
  it("every prompt of the data folder", { timeout: 600_000 }, async () => {
    const scores = join(temporaryFolder(), "scores.json");
    python("score_images.py", "--checkpoint", EMBEDDED_CHECKPOINT, "--data", DATA, "--out", scores);
    const expected = JSON.parse(readFileSync(scores, "utf8")) as Score[];
    await useBackend("wasm");
    const checkpoint = openCheckpointFile(EMBEDDED_CHECKPOINT);
    const { model } = buildSam(checkpoint);
    checkpoint.close();
    const predictor = new SamPredictor(model, { crop: 0 }); // as the script
    const rows: string[] = [];
    for (const prompt of await readRealPrompts(PROMPTS)) {
      await predictor.setImage(await readPromptImage(prompt, DATA));
      const truth = await readPromptTruth(prompt, DATA);
      for (const score of expected.filter(({ id }) => id === prompt.id)) {
        const [mask] = (await predictor.predict({ box: score.box })).masks;
        const agreement = dice(flatMask(mask), flatMask({ ...mask, data: fromRuns(score.runs) }));
        expect(agreement, `${prompt.id}, ${score.kind}: mask`).toBeGreaterThanOrEqual(0.999);
        const ours = truth && dice(flatMask(mask), flatMask(truth));
        if (ours !== undefined && score.dice !== null)
          expect(Math.abs(ours - score.dice), `${prompt.id}, ${score.kind}: Dice`).toBeLessThanOrEqual(0.001);
        rows.push(
          `${prompt.id} | ${score.kind} | ${ours?.toFixed(4) ?? "–"} | ${score.dice?.toFixed(4) ?? "–"} | ${agreement.toFixed(5)}`,
        );
      }
    }
    console.log(["prompt | box | Dice here | Dice PyTorch | Dice of both masks", ...rows].join("\n"));
    expect(rows.length).toBe(expected.length);
    await predictor.dispose();
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });
});
