import * as tf from "@tensorflow/tfjs";
import type { SamConfig } from "../../../src/model/config.js";
import { gridSize } from "../../../src/model/config.js";
import type { TrainingBatch } from "../../../src/train/batchLoss.js";
import { oracleInput, oracleStream } from "../oracle.js";

/** The batch of a step as tools/convert/train_steps.py makes it. `decoder` starts from one embedding. */
export function trainingBatch(
  config: SamConfig,
  step: number,
  images: number,
  train: "all" | "encoder+decoder" | "decoder",
): TrainingBatch {
  const { imageSize: side, promptEmbedDim } = config;
  const boxes = Array.from({ length: images }, (_, image) => boxOf(step, image, side));
  return {
    images: train === "decoder" ? { embedding: embeddingsOf() } : picturesOf(),
    prompts: { boxes: tf.tensor2d(boxes) },
    target: tf.tidy(() => tf.stack(boxes.map((box) => tf.tensor(targetOf(box, side), [1, side, side])))),
  };

  function picturesOf(): tf.Tensor {
    const shape = [images, side, side, 3];
    return tf.tensor(oracleInput(`image:${step}`, shape), shape);
  }

  function embeddingsOf(): tf.Tensor {
    const shape = [images, gridSize(config), gridSize(config), promptEmbedDim];
    const values = oracleInput("embedding", shape).map((value) => value * 2 - 1);
    return tf.tensor(values, shape);
  }
}

function boxOf(step: number, image: number, side: number): number[] {
  const u = [...oracleStream(`box:${step}:${image}`, 4)].map((value) => (value + 1) / 2);
  const near = u.slice(0, 2).map((value) => Math.floor((value * side) / 4));
  const far = u.slice(2).map((value) => Math.floor(side / 2 + (value * side) / 2));
  return [...near, ...far];
}

function targetOf([x0, y0, x1, y1]: readonly number[], side: number): Float32Array {
  const margin = Math.floor(side / 16);
  const values = new Float32Array(side * side);
  for (let y = y0 + margin; y < y1 - margin; y++)
    for (let x = x0 + margin; x < x1 - margin; x++) values[y * side + x] = 1;
  return values;
}
