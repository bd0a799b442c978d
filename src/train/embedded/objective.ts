import * as tf from "@tensorflow/tfjs";
import { Linear } from "../../layers/linear.js";
import { resizeBilinear } from "../../ops/resize.js";
import { gridSize } from "../../model/config.js";
import type { Sam } from "../../model/sam.js";
import { seededParameters } from "../../weights/paramScope.js";
import { crossEntropies, diceLoss, maskIous } from "../losses.js";
import { fineSide, type BatchShape, type EmbeddedBatch } from "./samples.js";

/** What the auxiliary head's loss counts beside the masks'. */
const AUXILIARY_WEIGHT = 0.3;
const IOU_WEIGHT = 0.2;

/**
 * A head on the embedding that tells objects and their edges from the rest, [B, grid, grid, C] to [B, grid, grid, 2].
 * It makes the encoder look at the picture from the first step on, and is dropped afterwards.
 */
export function auxiliaryHead({ config }: Sam): Linear {
  return new Linear(seededParameters(1).at("auxiliary"), {
    inFeatures: config.promptEmbedDim,
    outFeatures: 2,
  });
}

/**
 * Loss of a batch: Dice and balanced cross-entropy of the masks at the targets' size, the score's error, and the
 * auxiliary head's.
 */
export function embeddedLoss(
  model: Sam,
  head: Linear,
  batch: EmbeddedBatch,
  { side, pictures, prompts }: BatchShape,
): tf.Scalar {
  const count = pictures * prompts;
  const grid = gridSize(model.config);
  const fine = fineSide(side);
  return tf.tidy(() => {
    const { embedding } = model.encode(tf.tensor4d(batch.pixels, [pictures, side, side, 3]));
    const boxes = tf.tensor2d(batch.boxes, [count, 4]);
    const inBox = boxMasks(boxes, side, fine); // [count, fine, fine, 1]
    const { points } = batch;
    const given =
      points === undefined
        ? { boxes }
        : {
            pointCoords: tf.tensor3d(points.coords, [count, points.labels.length / count, 2]),
            pointLabels: tf.tensor2d(points.labels, [count, points.labels.length / count]),
          };
    const cells = grid ** 2 * model.config.promptEmbedDim;
    const shared = embedding
      .reshape([pictures, 1, cells])
      .add(tf.zeros([pictures, prompts, 1]))
      .reshape([count, grid, grid, -1]);
    const { masks, iouPredictions } = model.decode({ embedding: shared }, given, false);

    const low = masks.reshape([count, 4 * grid, 4 * grid]);
    const logits = resizeBilinear(low, [fine, fine]).expandDims(3);
    const target = tf.tensor4d(batch.targets, [count, fine, fine, 1], "float32");
    const channel = [count, 1, fine, fine];
    const maps = [logits.reshape(channel), target.reshape(channel)] as const; // one channel: no transpose needed
    const iou = iouPredictions.sub(maskIous(...maps)).square();
    return diceLoss(...maps)
      .add(balancedEntropy(logits, target, inBox))
      .add(iou.mean().mul(IOU_WEIGHT))
      .add(auxiliaryLoss(head, embedding, batch.foreground, side).mul(AUXILIARY_WEIGHT));
  });
}

/** Cross-entropy whose mean inside the boxes counts as much as that of the rest, for objects of any size. */
function balancedEntropy(logits: tf.Tensor, target: tf.Tensor, inBox: tf.Tensor): tf.Scalar {
  const share = inBox.mean([1, 2, 3], true); // [count, 1, 1, 1]
  const floor = 0.005;
  const inside = inBox.div(share.add(floor));
  const outside = tf.sub(1, inBox).div(tf.sub(1 + floor, share));
  return crossEntropies(logits, target).mul(inside.add(outside)).mean().mul(0.5);
}

function auxiliaryLoss(head: Linear, embedding: tf.Tensor, foreground: Uint8Array, side: number): tf.Scalar {
  const [pictures, grid] = embedding.shape;
  const whole = tf.tensor4d(foreground, [pictures, side, side, 1], "float32");
  const cell = side / grid;
  const share = tf.avgPool(whole, cell, cell, "valid"); // objects' part of each cell
  const edge = share.mul(tf.sub(1, share)).mul(4);
  const wanted = tf.concat([share, edge], 3);
  return crossEntropies(head.call(embedding), wanted).mean();
}

/** 1 inside boxes on an input of `side`, corners included, 0 outside: [n, 4] to [n, fine, fine, 1]. */
function boxMasks(boxes: tf.Tensor2D, side: number, fine: number): tf.Tensor {
  const [x0, y0, x1, y1] = [0, 1, 2, 3].map((corner) => boxes.slice([0, corner], [-1, 1]));
  const centres = tf
    .range(0, fine)
    .add(0.5)
    .mul(side / fine)
    .expandDims(0);
  const between = (low: tf.Tensor, high: tf.Tensor) =>
    centres
      .greaterEqual(low)
      .logicalAnd(centres.lessEqual(high.add(1)))
      .cast("float32"); // [n, fine]
  return between(y0, y1).expandDims(2).mul(between(x0, x1).expandDims(1)).expandDims(3);
}
