import { Sam } from "../../../src/model/sam.js";
import type { SamConfig } from "../../../src/model/config.js";
import type { Mask } from "../../../src/image/mask.js";
import type { TrainingCase, TrainingData } from "../../../src/train/cases.js";
import { seededParameters } from "../../../src/weights/paramScope.js";

/** As small as a SAM can be: seconds on the cpu backend. */
export const SMALLEST: SamConfig = {
  family: "sam",
  imageSize: 32,
  patchSize: 8,
  promptEmbedDim: 16,
  maskInChans: 4,
  imageEncoder: {
    type: "ViT",
    embedDim: 12,
    depth: 2,
    numHeads: 2,
    mlpRatio: 2,
    windowSize: 3,
    globalAttnIndexes: [1],
  },
  maskDecoder: {
    depth: 2,
    numHeads: 2,
    mlpDim: 16,
    numMultimaskOutputs: 3,
    iouHeadDepth: 2,
    iouHeadHiddenDim: 16,
  },
};

export const smallestSam = () => new Sam(seededParameters(5), SMALLEST);

/** Bright rectangles, two an image. */
export function rectangles(count: number, first = 0): TrainingData {
  return {
    length: count,
    idOf: (index) => `case ${first + index}`,
    read: (index) => Promise.resolve(rectangleCase(first + index)),
  };
}

function rectangleCase(n: number): TrainingCase {
  const [width, height] = [40, 32];
  const boxes = [
    [2 + (n % 5), 3 + (n % 3), 16 + (n % 4), 14 + (n % 6)],
    [22 - (n % 3), 15 + (n % 4), 36, 29 - (n % 5)],
  ];
  const objects = boxes.map(([x0, y0, x1, y1]): Mask => {
    const inside = (x: number, y: number) => x >= x0 && x <= x1 && y >= y0 && y <= y1;
    const data = Uint8Array.from({ length: width * height }, (_, i) =>
      inside(i % width, Math.floor(i / width)) ? 1 : 0,
    );
    return { width, height, data };
  });
  const data = Uint8Array.from({ length: width * height }, (_, i) =>
    objects.some((mask) => mask.data[i] === 1) ? 200 : 40 + (i % 7),
  );
  return { id: `case ${n}`, image: { width, height, channels: 1, data }, objects };
}
