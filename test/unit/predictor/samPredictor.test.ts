import * as tf from "@tensorflow/tfjs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { useBackend } from "../../../src/backend/useBackend.js";
import type { PixelImage } from "../../../src/image/pixels.js";
import type { SamConfig } from "../../../src/model/config.js";
import { Sam } from "../../../src/model/sam.js";
import { MEDSAM_INFERENCE, SAM_PREDICTOR } from "../../../src/predictor/presetTable.js";
import { SamPredictor } from "../../../src/predictor/samPredictor.js";
import { PromptError, type Box, type Prompt } from "../../../src/predictor/types.js";
import { seededParameters } from "../../../src/weights/paramScope.js";

const CONFIG: SamConfig = {
  family: "sam",
  imageSize: 32,
  patchSize: 8,
  imageEncoder: {
    type: "ViT",
    embedDim: 16,
    depth: 2,
    numHeads: 2,
    mlpRatio: 2,
    windowSize: 3,
    globalAttnIndexes: [1],
  },
  promptEmbedDim: 16,
  maskInChans: 4,
  maskDecoder: {
    depth: 2,
    numHeads: 2,
    mlpDim: 32,
    numMultimaskOutputs: 3,
    iouHeadDepth: 3,
    iouHeadHiddenDim: 16,
  },
};
const [WIDTH, HEIGHT] = [40, 24];

function image(seed = 1): PixelImage {
  const data = Uint8Array.from(
    { length: WIDTH * HEIGHT },
    (_, n) => (n * 7 * seed + Math.floor(n / 40) * 3) % 256,
  );
  return { width: WIDTH, height: HEIGHT, channels: 1, data };
}

const BOX: Box = [4, 3, 30, 20];

describe("SamPredictor", () => {
  let model: Sam;
  let predictor: SamPredictor;

  beforeAll(async () => {
    await useBackend("wasm");
    model = new Sam(seededParameters(3), CONFIG);
  });
  afterAll(() => {
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });
  beforeEach(() => {
    predictor = new SamPredictor(model);
  });
  afterEach(() => predictor.dispose());

  it("uses MedSAM's own script unless told otherwise", () => {
    expect(predictor.preset).toBe(MEDSAM_INFERENCE);
  });

  it("gives a mask of the image's size, one score and low-resolution logits", async () => {
    await predictor.setImage(image());
    const { masks, scores, lowResLogits, logits } = await predictor.predict({ box: BOX });
    expect([masks.length, scores.length, lowResLogits.length]).toEqual([1, 1, 1]);
    expect([masks[0].width, masks[0].height, masks[0].data.length]).toEqual([WIDTH, HEIGHT, WIDTH * HEIGHT]);
    expect([lowResLogits[0].width, lowResLogits[0].height]).toEqual([16, 16]);
    expect(logits).toBeUndefined();
  });

  it("gives three candidates with multimaskOutput", async () => {
    await predictor.setImage(image());
    const { masks, scores } = await predictor.predict({ box: BOX }, { multimaskOutput: true });
    expect([masks.length, scores.length]).toEqual([3, 3]);
  });

  it.each([MEDSAM_INFERENCE, SAM_PREDICTOR])(
    "gives logits that are positive inside the mask ($name)",
    async (preset) => {
      const other = new SamPredictor(model, { preset });
      await other.setImage(image());
      const { masks, logits } = await other.predict(
        { box: BOX },
        { returnLogits: true, multimaskOutput: true },
      );
      const inside = masks.flatMap(({ data }) => [...data]);
      const positive = logits!.flatMap(({ data }) => [...data].map((value) => (value > 0 ? 1 : 0)));
      expect(positive).toEqual(inside);
      expect(new Set(inside).size).toBe(2);
      await other.dispose();
    },
  );

  it("takes any mix of prompts", async () => {
    await predictor.setImage(image());
    const { lowResLogits } = await predictor.predict({ box: BOX });
    const prompts: Prompt[] = [
      { pointCoords: [[10, 10]], pointLabels: [1] },
      {
        pointCoords: [
          [10, 10],
          [30, 5],
        ],
        pointLabels: [1, 0],
        box: BOX,
      },
      { maskInput: lowResLogits[0] },
      { maskInput: lowResLogits[0], box: BOX, pointCoords: [[10, 10]], pointLabels: [0] },
    ];
    const results = [];
    for (const prompt of prompts) results.push(await predictor.predict(prompt));
    const distinct = new Set(results.map((result) => result.lowResLogits[0].data.join()));
    expect(distinct.size).toBe(prompts.length);
  });

  it("decodes many boxes as one by one", async () => {
    await predictor.setImage(image());
    const boxes: Box[] = [BOX, [0, 0, 40, 24], [1, 1, 5, 5]];
    const together = await predictor.predictBoxes(boxes);
    for (const [index, box] of boxes.entries()) {
      const alone = await predictor.predict({ box });
      const [a, b] = [together[index].lowResLogits[0].data, alone.lowResLogits[0].data];
      a.forEach((value, n) => expect(value).toBeCloseTo(b[n], 5));
    }
    expect(await predictor.predictBoxes([])).toEqual([]);
  });

  it("runs calls that overlap one after the other", async () => {
    const calls = [
      predictor.setImage(image(1)),
      predictor.predict({ box: BOX }),
      predictor.setImage(image(2)),
      predictor.predict({ box: BOX }),
    ] as const;
    const [, first, , second] = await Promise.all(calls);
    await predictor.setImage(image(1));
    const again = await predictor.predict({ box: BOX });
    expect(again.lowResLogits[0].data).toEqual(first.lowResLogits[0].data);
    expect(second.lowResLogits[0].data).not.toEqual(first.lowResLogits[0].data);
  });

  it("goes on after a call that failed", async () => {
    await predictor.setImage(image());
    await expect(predictor.predict({})).rejects.toThrow(PromptError);
    await expect(predictor.predict({ box: BOX })).resolves.toBeDefined();
  });

  it("refuses to predict before an image, and after it was reset", async () => {
    await expect(predictor.predict({ box: BOX })).rejects.toThrow(/call setImage\(image\) before predict/);
    await predictor.setImage(image());
    await predictor.resetImage();
    await expect(predictor.predict({ box: BOX })).rejects.toThrow(/call setImage/);
  });

  it("refuses a disposed model", async () => {
    const gone = new Sam(seededParameters(1), CONFIG);
    const lost = new SamPredictor(gone);
    gone.dispose();
    await expect(lost.setImage(image())).rejects.toThrow(/model is disposed/);
    await expect(lost.predict({ box: BOX })).rejects.toThrow(/model is disposed/);
  });

  it("reports progress and can be stopped, which keeps the former image", async () => {
    const shares: number[] = [];
    await predictor.setImage(image(1), { onProgress: (share) => shares.push(share) });
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    const before = await predictor.predict({ box: BOX });
    const tensors = tf.memory().numTensors;

    const controller = new AbortController();
    const stopped = predictor.setImage(image(2), {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(stopped).rejects.toThrow(/abort/i);
    expect(tf.memory().numTensors).toBe(tensors);
    const after = await predictor.predict({ box: BOX });
    expect(after.lowResLogits[0].data).toEqual(before.lowResLogits[0].data);
  });

  it("leaves the tensor count unchanged after 200 predictions", async () => {
    await predictor.setImage(image());
    const before = tf.memory().numTensors;
    for (let n = 0; n < 200; n++) await predictor.predict({ box: BOX }, { multimaskOutput: n % 2 === 0 });
    expect(tf.memory().numTensors).toBe(before);
  });
});
