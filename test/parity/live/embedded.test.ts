import * as tf from "@tensorflow/tfjs";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.node.js";
import { readImageFile, readLabelFile, readNpzFile } from "../../../src/image/decode.node.js";
import { maskOfLabel, type Mask } from "../../../src/image/mask.js";
import { npzLabels, npzSlice } from "../../../src/image/npz.js";
import type { LabelImage, PixelImage } from "../../../src/image/pixels.js";
import { buildSam } from "../../../src/model/load.js";
import { SamPredictor } from "../../../src/predictor/samPredictor.js";
import type { Box } from "../../../src/predictor/types.js";
import { openCheckpointFile } from "../../../src/weights/open.node.js";
import { cached, DATA, missing, python, TINY_PTH } from "./python.js";

interface PromptOfList {
  readonly id: string;
  readonly image: string;
  readonly slice?: number;
  readonly box: Box;
  readonly truth?: { readonly file: string; readonly label: number; readonly within?: Box };
}

/** What PyTorch gives for one prompt: `score_images.py`. */
interface Score {
  readonly id: string;
  readonly kind: "tight" | "wider";
  readonly box: Box;
  readonly dice: number | null;
  /** Run lengths along the rows, background first. */
  readonly runs: readonly number[];
}

const PROMPTS = JSON.parse(
  readFileSync(new URL("../prompts.json", import.meta.url), "utf8"),
) as PromptOfList[];

async function readImage({ image, slice }: PromptOfList): Promise<PixelImage> {
  if (slice === undefined) return readImageFile(`${DATA}${image}`);
  return npzSlice(await readNpzFile(`${DATA}${image}`), slice);
}

async function readTruth({ truth, slice }: PromptOfList): Promise<Mask | undefined> {
  if (truth === undefined) return undefined;
  const file = `${DATA}${truth.file}`;
  const labels: LabelImage =
    slice === undefined ? await readLabelFile(file) : npzLabels(await readNpzFile(file), slice);
  const mask = maskOfLabel(labels, truth.label);
  const { within } = truth;
  if (within === undefined) return mask;
  const [x0, y0, x1, y1] = within;
  const data = mask.data.map((inside, n) => {
    const [x, y] = [n % mask.width, Math.floor(n / mask.width)];
    return x >= x0 && x <= x1 && y >= y0 && y <= y1 ? inside : 0;
  });
  return { ...mask, data };
}

function dice(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [both, sum] = [0, 0];
  for (let n = 0; n < a.length; n++) {
    both += a[n] & b[n];
    sum += a[n] + b[n];
  }
  return (2 * both) / sum;
}

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
    const scores = cached("tiny_scores.json", (path) =>
      python("score_images.py", "--checkpoint", TINY_PTH, "--data", DATA, "--out", path),
    );
    const expected = JSON.parse(readFileSync(scores, "utf8")) as Score[];
    await useBackend("wasm");
    const checkpoint = openCheckpointFile(TINY_PTH);
    const { model } = buildSam(checkpoint);
    checkpoint.close();
    const predictor = new SamPredictor(model);
    const rows: string[] = [];
    for (const prompt of PROMPTS) {
      await predictor.setImage(await readImage(prompt));
      const truth = await readTruth(prompt);
      for (const score of expected.filter(({ id }) => id === prompt.id)) {
        const [{ data }] = (await predictor.predict({ box: score.box })).masks;
        const agreement = dice(data, fromRuns(score.runs));
        expect(agreement, `${prompt.id}, ${score.kind}: mask`).toBeGreaterThanOrEqual(0.999);
        const ours = truth && dice(data, truth.data);
        if (ours !== undefined && score.dice !== null)
          expect(Math.abs(ours - score.dice), `${prompt.id}, ${score.kind}: Dice`).toBeLessThanOrEqual(0.001);
        rows.push(
          `${prompt.id} | ${score.kind} | ${ours?.toFixed(4) ?? "–"} | ${score.dice?.toFixed(4) ?? "–"} | ${agreement.toFixed(5)}`,
        );
      }
    }
    console.log(["prompt | box | Dice here | Dice PyTorch | Dice of both masks", ...rows].join("\n"));
    expect(rows.length).toBe(expected.length);
    predictor.dispose();
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });
});
