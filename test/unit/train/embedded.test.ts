import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { TINY } from "../../../src/model/config.js";
import { Sam } from "../../../src/model/sam.js";
import { auxiliaryHead, embeddedLoss } from "../../../src/train/embedded/objective.js";
import { TrainingPictures } from "../../../src/train/embedded/pictures.js";
import { embeddedBatch, fineSide, shapeAt } from "../../../src/train/embedded/samples.js";
import { AdamW } from "../../../src/train/adamw.js";
import { disposeGradients, lossAndGradients } from "../../../src/train/gradients.js";
import { chooseTrainable } from "../../../src/train/select.js";
import { seededParameters } from "../../../src/weights/paramScope.js";

const SHAPE = { side: 64, pictures: 2, prompts: 2 };
const FINE = fineSide(SHAPE.side);
const SMALL = {
  ...TINY,
  imageSize: 64,
  imageEncoder: { ...TINY.imageEncoder, embedDim: 32, depth: 2, numHeads: 2, globalAttnIndexes: [1] },
  promptEmbedDim: 32,
};
/** A step after all growth. */
const LATE = 6000;

describe("batches of the small checkpoint's training", () => {
  it("depend on seed and step alone", () => {
    const batch = embeddedBatch(3, LATE, SHAPE);
    embeddedBatch(3, 0, SHAPE);
    expect(embeddedBatch(3, LATE, SHAPE)).toEqual(batch);
    const known = new TrainingPictures(3);
    embeddedBatch(3, LATE - 2, SHAPE, known);
    expect(embeddedBatch(3, LATE, SHAPE, known), "with pictures that are kept").toEqual(batch);
    expect(embeddedBatch(4, LATE, SHAPE).pixels).not.toEqual(batch.pixels);
    expect(embeddedBatch(3, LATE + 1, SHAPE).pixels).not.toEqual(batch.pixels);
  });

  it.each([0, LATE])("hold a target about where each box is, at step %i", (step) => {
    for (let n = 0; n < 5; n++) {
      const { side, pictures, prompts } = SHAPE;
      const { boxes, targets, pixels, foreground } = embeddedBatch(n, step, SHAPE);
      expect(pixels.every((value) => value >= 0 && value <= 1)).toBe(true);
      for (let k = 0; k < pictures * prompts; k++) {
        const [x0, y0, x1, y1] = boxes.subarray(4 * k);
        expect(x1).toBeGreaterThan(x0);
        expect(y1).toBeGreaterThan(y0);
        let [inside, outside, missed] = [0, 0, 0];
        for (let i = 0; i < FINE * FINE; i++) {
          if (!targets[k * FINE * FINE + i]) continue;
          const [x, y] = [i % FINE, Math.floor(i / FINE)].map((place) => (place * side) / FINE);
          // Boxes are drawn up to 2 % too tight, and here in whole pixels.
          if (x >= x0 - 3 && x <= x1 + 3 && y >= y0 - 3 && y <= y1 + 3) inside++;
          else outside++;
          // The foreground has the input's size: its edge may lie a pixel further in.
          const own = foreground.subarray(Math.floor(k / prompts) * side * side);
          const near = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => (Math.floor(y) + dy) * side + Math.floor(x) + dx)); // prettier-ignore
          if (!near.some((cell) => own[cell] === 1)) missed++;
        }
        expect(outside).toBe(0);
        // An object of a few pixels in 256 may vanish in 64.
        if ((x1 - x0) * (y1 - y0) > 60) expect([missed, inside > 0]).toEqual([0, true]);
      }
    }
  });

  it("are small at first, and whole once the task has grown", () => {
    const whole = { side: 64, pictures: 8, prompts: 8 };
    expect(shapeAt(0, whole)).toEqual({ side: 64, pictures: 4, prompts: 4 });
    expect(shapeAt(LATE, whole)).toEqual(whole);
    const one = { side: 64, pictures: 1, prompts: 1 };
    expect(shapeAt(0, one)).toEqual(one);
  });

  it("give points in place of boxes at times, with what the target is there", () => {
    const batches = Array.from({ length: 40 }, (_, n) =>
      embeddedBatch(7, LATE + n, { ...SHAPE, pictures: 1 }),
    );
    const withPoints = batches.filter(({ points }) => points !== undefined);
    expect(withPoints.length).toBeGreaterThan(0);
    expect(withPoints.length).toBeLessThan(20);
    for (const { points, targets } of withPoints) {
      const each = (points?.labels.length ?? 0) / SHAPE.prompts;
      points?.labels.forEach((label, n) => {
        const [x, y] = points.coords.subarray(2 * n);
        const target = targets.subarray(Math.floor(n / each) * FINE * FINE);
        const around = [0, 1, FINE, FINE + 1].map((step) => target[2 * y * FINE + 2 * x + step]);
        expect(around).toContain(label);
      });
    }
  });
});

describe("the loss of the small checkpoint's training", () => {
  beforeAll(async () => {
    await tf.setBackend("cpu");
  });

  it("falls when it is followed, and leaves no tensor behind", () => {
    const before = tf.memory().numTensors;
    const model = new Sam(seededParameters(1), SMALL);
    const head = auxiliaryHead(model);
    const parameters = new Map([
      ...chooseTrainable(model, "all"),
      ...[...head.namedParameters()].map(([name, parameter]) => [`auxiliary.${name}`, parameter] as const),
    ]);
    const optimiser = new AdamW([{ parameters }], { learningRate: 3e-3 });
    const losses: number[] = [];
    const batch = embeddedBatch(1, 0, SHAPE);
    let flat: number | undefined;
    for (let step = 0; step < 8; step++) {
      const { loss, gradients } = lossAndGradients(() => embeddedLoss(model, head, batch, SHAPE), parameters);
      optimiser.step(gradients);
      disposeGradients(gradients);
      losses.push(loss.dataSync()[0]);
      loss.dispose();
      if (step === 1) flat = tf.memory().numTensors; // both kinds of prompt were seen
    }
    expect(tf.memory().numTensors).toBe(flat);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(losses[6]).toBeLessThan(losses[0] - 0.1);
    expect(losses[7]).toBeLessThan(losses[1] - 0.1);
    optimiser.dispose();
    model.dispose();
    head.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
