import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { bceLoss, diceLoss, maskIous, medsamLoss, samLoss } from "../../../src/train/losses.js";
import { BACKWARD } from "../../parity/backends.js";
import { expectClose, onBackend, readTrainFixture, tensorOf } from "./fixtures.js";

const RELATIVE = 3e-6;
const fixture = readTrainFixture("losses");
const LOSSES = { dice: diceLoss, bce: bceLoss, medsam: medsamLoss };

// Every operation here has its gradient on WASM too.
describe.each(["wasm" as const, ...BACKWARD])(
  "losses equal PyTorch's, value and gradient, on %s",
  (backend) => {
    onBackend(backend);

    describe.each(["plain", "extreme", "empty"])("%s logits and targets", (name) => {
      it.each(Object.entries(LOSSES))("%s", (lossName, loss) => {
        tf.tidy(() => {
          const logits = tensorOf(fixture, `${name}.input.logits`);
          const target = tensorOf(fixture, `${name}.input.target`);
          const { value, grad } = tf.valueAndGrad((z) => loss(z, target))(logits);
          expectClose(value, fixture, `${name}.${lossName}`, RELATIVE);
          expectClose(grad, fixture, `${name}.${lossName}.grad`, RELATIVE);
        });
      });

      it("sam", () => {
        tf.tidy(() => {
          const inputs = ["logits", "scores"].map((key) => tensorOf(fixture, `${name}.input.${key}`));
          const target = tensorOf(fixture, `${name}.input.target`).slice([0, 0], [-1, 1]);
          const { value, grads } = tf.valueAndGrads((logits, iouPredictions) =>
            samLoss({ logits, iouPredictions, target }),
          )(inputs);
          expectClose(value, fixture, `${name}.sam`, RELATIVE);
          expectClose(grads[0], fixture, `${name}.sam.grad`, RELATIVE);
          expectClose(grads[1], fixture, `${name}.sam.grad_scores`, RELATIVE);
        });
      });
    });
  },
);

describe("losses", () => {
  onBackend("cpu");

  it("leave one tensor", () => {
    const [logits, target] = [tf.zeros([2, 1, 3, 3]), tf.ones([2, 1, 3, 3])];
    const scores = tf.zeros([2, 1]);
    const before = tf.memory().numTensors;
    const results = [
      medsamLoss(logits, target),
      samLoss({ logits, iouPredictions: scores, target }),
      maskIous(logits, target),
    ];
    expect(tf.memory().numTensors).toBe(before + 3);
    tf.dispose([results, logits, target, scores]);
  });

  it("refuse targets of another shape, which would be broadcast", () => {
    tf.tidy(() => {
      expect(() => bceLoss(tf.zeros([2, 1, 4, 4]), tf.zeros([1, 1, 4, 4]))).toThrow(
        "loss: logits are [2,1,4,4] and the target [1,1,4,4]",
      );
    });
  });
});

describe("the IoU of masks", () => {
  onBackend("cpu");

  it("is that of logits above zero, and 0 for two empty masks", () => {
    tf.tidy(() => {
      const logits = tf.tensor4d([3, 1, -1, 0, -1, -1, -1, -1], [1, 2, 2, 2]);
      const target = tf.tensor4d([1, 0, 1, 0, 0, 0, 0, 0], [1, 2, 2, 2]);
      expect([...maskIous(logits, target).dataSync()]).toEqual([Math.fround(1 / 3), 0]);
    });
  });
});
