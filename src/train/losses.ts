import * as tf from "@tensorflow/tfjs";
import { withoutGradient } from "../ops/autograd.js";

/*
 * All losses take logits, not probabilities, and stay finite, with their gradients, for logits of any size. Masks are
 * [B, M, h, w]; targets have the same shape and hold 0 and 1.
 */

/** MONAI's smoothing of `DiceLoss`. */
const MEDSAM_SMOOTHING = 1e-5;

/**
 * MedSAM's loss: Dice plus binary cross-entropy, unweighted.
 *
 * @param logits [B, M, h, w], at the target's size.
 * @see MedSAM's train_one_gpu.py
 */
export function medsamLoss(logits: tf.Tensor, target: tf.Tensor): tf.Scalar {
  return tf.tidy(() => diceLoss(logits, target).add(bceLoss(logits, target)));
}

/**
 * Dice loss with squared probabilities in the denominator, mean over the batch's masks: a small mask counts as much
 * as a large one. Logits and target [B, M, h, w].
 *
 * Of a mask it is `1 - d`, `d = (2·Σpt + s)/(Σt + Σp² + s)`, `p` the sigmoid of the logits; its derivative by a logit is
 * `(d·p - t)·2/(Σt + Σp² + s) · (p - p²)`. That is written out because masks are the largest tensors of a step, and
 * what TensorFlow.js derives walks over them three times as often.
 *
 * @see monai.losses.DiceLoss with `sigmoid=True, squared_pred=True, reduction="mean"`
 */
export function diceLoss(logits: tf.Tensor, target: tf.Tensor): tf.Scalar {
  assertSameShape(logits, target);
  const loss = tf.customGrad<tf.Scalar>((z, save) => {
    const p = (z as tf.Tensor).sigmoid();
    const squares = p.square();
    const sizes = sumPixels(target).add(sumPixels(squares)).add(MEDSAM_SMOOTHING); // [B, M], as all below
    const dice = sumPixels(p.mul(target)).mul(2).add(MEDSAM_SMOOTHING).div(sizes);
    (save as tf.GradSaveFunc)([p, squares, target, dice, sizes]);
    return {
      value: tf.sub(1, dice.mean()),
      gradFunc: (dy, saved) => {
        const [probabilities, squared, truth, ...ofMasks] = saved;
        const [d, size] = ofMasks.map((values) => values.expandDims(2).expandDims(3));
        const share = dy.mul(2 / d.size).div(size);
        return probabilities.mul(d).sub(truth).mul(share).mul(probabilities.sub(squared));
      },
    };
  });
  return tf.tidy(() => loss(logits));
}

/**
 * Binary cross-entropy, mean over all elements; the derivative is `(sigmoid(z) - t)/n`. Any shape.
 *
 * @see torch.nn.BCEWithLogitsLoss
 */
export function bceLoss(logits: tf.Tensor, target: tf.Tensor): tf.Scalar {
  assertSameShape(logits, target);
  const loss = tf.customGrad<tf.Scalar>((z, save) => {
    const x = z as tf.Tensor;
    (save as tf.GradSaveFunc)([x, target]);
    return {
      value: crossEntropies(x, target).mean(),
      gradFunc: (dy, [savedLogits, savedTarget]) =>
        savedLogits.sigmoid().sub(savedTarget).mul(dy.div(savedLogits.size)),
    };
  });
  return tf.tidy(() => loss(logits));
}

/** Cross-entropy of each element, `log(1 + e^z) - z·t`. Any shape. */
export function crossEntropies(logits: tf.Tensor, target: tf.Tensor): tf.Tensor {
  return logits.softplus().sub(logits.mul(target));
}

/** How SAM weighs its three losses. @see Kirillov et al., Segment Anything (2023), appendix A, "Training algorithm" */
const SAM_WEIGHTS = { focal: 20, dice: 1, iou: 1 } as const;
const FOCAL_ALPHA = 0.25;
const FOCAL_GAMMA = 2;

/** What SAM's loss compares: B prompts, M masks each. */
export interface SamLossInput {
  /** Logits of all masks that the decoder gave, [B, M, h, w]. */
  readonly logits: tf.Tensor;
  /** The decoder's own estimates of their IoU, [B, M]. */
  readonly iouPredictions: tf.Tensor;
  /** The one true mask of each prompt, [B, 1, h, w]. */
  readonly target: tf.Tensor;
}

/**
 * SAM's loss: focal and Dice loss, 20 to 1, of the best of each prompt's masks, plus the squared error of all IoU
 * estimates. The best mask is the one with the smallest loss: the others are free to mean something else.
 *
 * @see Kirillov et al., Segment Anything (2023), appendix A; the details that the paper leaves open (smoothing of the
 * Dice loss, alpha and gamma) are those of SAM 2's training/loss_fns.py
 */
export function samLoss({ logits, iouPredictions, target }: SamLossInput): tf.Scalar {
  return tf.tidy(() => {
    const masks = target.tile([1, logits.shape[1] ?? 1, 1, 1]);
    assertSameShape(logits, masks);
    const { focal, dice, iou } = SAM_WEIGHTS;
    const losses = focalLosses(logits, masks).mul(focal).add(plainDiceLosses(logits, masks).mul(dice)); // [B, M]
    const estimates = iouPredictions.squaredDifference(maskIous(logits, masks)).mean();
    return losses.min(1).mean().add(estimates.mul(iou));
  });
}

/** Focal loss of each mask, mean over its pixels: [B, M]. @see Lin et al., Focal Loss (2017); torchvision.ops.sigmoid_focal_loss */
function focalLosses(logits: tf.Tensor, target: tf.Tensor): tf.Tensor {
  const probabilities = logits.sigmoid();
  const background = tf.sub(1, target);
  const missed = probabilities.mul(background).add(tf.sub(1, probabilities).mul(target)); // 1 - p of the true class
  const weights = target.mul(FOCAL_ALPHA).add(background.mul(1 - FOCAL_ALPHA));
  return meanPixels(weights.mul(missed.pow(FOCAL_GAMMA)).mul(crossEntropies(logits, target)));
}

/** Dice loss of each mask with plain sums in the denominator, smoothed by one pixel: [B, M]. */
function plainDiceLosses(logits: tf.Tensor, target: tf.Tensor): tf.Tensor {
  const probabilities = logits.sigmoid();
  const overlap = sumPixels(probabilities.mul(target));
  const sizes = sumPixels(probabilities).add(sumPixels(target));
  return tf.sub(1, overlap.mul(2).add(1).div(sizes.add(1)));
}

/** Intersection over union of each predicted mask (logits above 0) with its target: [B, M]. Has no gradient. */
export function maskIous(logits: tf.Tensor, target: tf.Tensor): tf.Tensor {
  assertSameShape(logits, target);
  return withoutGradient(() => {
    const predicted = logits.greater(0).cast("float32");
    const overlap = sumPixels(predicted.mul(target));
    const union = sumPixels(predicted).add(sumPixels(target)).sub(overlap);
    return overlap.div(union.maximum(1));
  });
}

function sumPixels(masks: tf.Tensor): tf.Tensor {
  return masks.sum([2, 3]);
}

function meanPixels(masks: tf.Tensor): tf.Tensor {
  return masks.mean([2, 3]);
}

// TensorFlow.js would broadcast, and a loss of the wrong pixels looks like any other.
function assertSameShape(logits: tf.Tensor, target: tf.Tensor): void {
  const [got, expected] = [logits.shape.join(), target.shape.join()];
  if (got !== expected)
    throw new RangeError(
      `loss: logits are [${got}] and the target [${expected}]; resize one to the other's shape`,
    );
}
