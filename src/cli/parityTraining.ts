import * as tf from "@tensorflow/tfjs";
import { compareTensors, type Comparison } from "../inspect/compare.js";
import type { ParityReference, RecordedTraining } from "../inspect/reference.js";
import type { TracedTensor } from "../inspect/trace.js";
import { featureTensors } from "../model/features.js";
import type { PromptableModel } from "../model/promptableModel.js";
import { batchLoss, type TrainingBatch } from "../train/batchLoss.js";
import { disposeGradients, lossAndGradients } from "../train/gradients.js";
import { Trainer } from "../train/trainer.js";

/** Of a gradient's largest value, beside this share of the largest of all: some gradients are zero but for rounding. */
const GRADIENT = { relative: 1e-3, ofAll: 1e-6 };
const LOSS = 1e-4;
/** Of the way that a weight can have gone, in its root mean square. */
const WEIGHTS = 0.01;

/**
 * Trains as PyTorch did and compares: the gradients of the first loss, the loss of every step, and the weights after
 * them. The model's weights are changed.
 *
 * @throws the signal's reason when stopped.
 */
export async function compareTraining(
  model: PromptableModel,
  reference: ParityReference,
  recorded: RecordedTraining,
  signal: AbortSignal,
  onProgress: (share: number) => void,
): Promise<Comparison[]> {
  const { part, steps, learningRate, weightDecay } = recorded;
  const trainer = new Trainer(model, { train: part, steps, learningRate, weightDecay });
  const batch = batchOf(model, reference, part);
  try {
    const { floor, rows: gradients } = compareGradients(model, trainer, batch, reference);
    const losses: number[] = [];
    for (let step = 0; step < steps; step++) {
      signal.throwIfAborted();
      losses.push((await trainer.step([batch])).loss);
      onProgress((step + 1) / steps);
    }
    const loss = compareTensors(
      "train.losses",
      { shape: [steps], values: Float32Array.from(losses) },
      reference.read("train.losses"),
      { absolute: 0, relative: LOSS },
    );
    // Of a gradient that is zero but for rounding Adam takes the sign: where such weights go says nothing.
    const isRounding = (path: string) => {
      const name = `grad.${path}`;
      const most = reference.has(name) ? magnitude(reference.read(name).values) : 0;
      return most > 0 && most <= floor;
    };
    const compared = [...trainer.parameters].filter(([path]) => !isRounding(path));
    const after = compared.map(([path, parameter]) =>
      compareWeights(
        `after.${path}`,
        parameter.toTorch(),
        reference.read(`after.${path}`),
        learningRate * steps,
      ),
    );
    return [...gradients, loss, ...after];
  } finally {
    tf.dispose([batch.prompts.boxes!, batch.target, ...imagesOf(batch)]);
    trainer.dispose();
  }
}

function batchOf(
  model: PromptableModel,
  reference: ParityReference,
  part: RecordedTraining["part"],
): TrainingBatch {
  const { imageSize } = model.config;
  const [height, width] = reference.read("input.pixels").shape;
  const boxes = reference.read("input.boxes").values.subarray(0, 4);
  const scaled = boxes.map((value, n) => (value / [width, height][n % 2]) * imageSize);
  const images = tf.tidy(() => toTensor(reference.read("input.image")).transpose([0, 2, 3, 1]));
  const input = part === "decoder" ? model.encode(images) : images;
  if (part === "decoder") images.dispose();
  return {
    images: input,
    prompts: { boxes: tf.tensor2d(scaled, [1, 4]) },
    target: toTensor(reference.read("train.target")),
  };
}

const toTensor = ({ shape, values }: TracedTensor) => tf.tensor(values, [...shape]);
const imagesOf = ({ images }: TrainingBatch) =>
  images instanceof tf.Tensor ? [images] : featureTensors(images);

function compareGradients(
  model: PromptableModel,
  { parameters }: Trainer,
  batch: TrainingBatch,
  reference: ParityReference,
): { readonly floor: number; readonly rows: Comparison[] } {
  const { loss, gradients } = lossAndGradients(() => batchLoss(model, batch), parameters);
  loss.dispose();
  const names = reference.names("grad.");
  const largest = names.reduce((most, name) => Math.max(most, magnitude(reference.read(name).values)), 0);
  const tolerance = { relative: GRADIENT.relative, absolute: GRADIENT.ofAll * largest };
  const rows = names.map((name) => {
    const path = name.slice("grad.".length);
    const parameter = parameters.get(path);
    const gradient = gradients.get(path);
    const expected = reference.read(name);
    // What the loss does not depend on has no gradient here, and one of zeros in PyTorch's candidates.
    const values =
      gradient === undefined
        ? new Float32Array(expected.values.length)
        : parameter!.toTorch(gradient.dataSync<"float32">());
    return compareTensors(name, parameter && { shape: parameter.shape, values }, expected, tolerance);
  });
  disposeGradients(gradients);
  return { floor: tolerance.absolute, rows };
}

function magnitude(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** Weights after some steps, by their root mean square: a single one whose gradient is near zero may go another way. */
function compareWeights(name: string, got: Float32Array, { values }: TracedTensor, way: number): Comparison {
  let [squares, largest] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const difference = Math.abs(got[i] - values[i]);
    squares += difference ** 2;
    largest = Math.max(largest, difference);
  }
  const root = Math.sqrt(squares / values.length);
  const allowed = WEIGHTS * way;
  const detail =
    `differ by ${root.toExponential(2)} in root mean square, ${largest.toExponential(2)} at most, where weights ` +
    `may have gone ${way.toExponential(1)}`;
  return { name, largest: root, relative: root / way, allowed, ok: root <= allowed, detail };
}
