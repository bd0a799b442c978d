import * as tf from "@tensorflow/tfjs";
import { maskArea } from "../image/mask.js";
import { ImageError } from "../image/pixels.js";
import { featuresFrom, featureTensors } from "../model/features.js";
import type { PromptableModel } from "../model/promptableModel.js";
import { promptBatch, targetBatch, type TrainingBatch } from "./batchLoss.js";
import type { TrainingCase, TrainingData } from "./cases.js";
import type { FrozenEncoder } from "./embeddings.js";
import { Random } from "./random.js";
import type { Sampler } from "./sample.js";
import { shuffled, type PromptKind, type SamplePrompt, type TrainingSample } from "./sample.js";
import type { TrainingSettings } from "./settings.js";

/** A batch before it is on the device. */
interface LoadedBatch {
  readonly cases: readonly string[];
  /** Encoder inputs, or features (see `featureValues`), one an image. */
  readonly values: readonly Float32Array[];
  readonly prompts: readonly SamplePrompt[];
  readonly kind: PromptKind;
}

/**
 * The batches of a training by number. Every case comes once an epoch, in an order of its own; all choices come from
 * the seed, the epoch and the case, so batch 900 is the same whether or not 899 were read before it.
 */
export class BatchReader {
  private readonly random: Random;
  private epoch: { readonly number: number; readonly order: readonly number[] } | undefined;

  /** @param frozen gives features in the images' place. */
  constructor(
    private readonly data: TrainingData,
    private readonly model: PromptableModel,
    private readonly sampler: Sampler,
    private readonly settings: TrainingSettings,
    private readonly frozen?: FrozenEncoder,
  ) {
    this.random = new Random(settings.seed);
  }

  /** The batches of a step, from 0, read but not yet on the device. */
  async read(step: number): Promise<LoadedBatch[]> {
    const { accumulate } = this.settings;
    return Promise.all(Array.from({ length: accumulate }, (_, n) => this.readBatch(step * accumulate + n)));
  }

  /** On the device; the caller's to dispose with `disposeBatch`. */
  toDevice({ cases, values, prompts, kind }: LoadedBatch): TrainingBatch {
    const { imageSize: side } = this.model.config;
    return {
      images:
        this.frozen === undefined
          ? tf.tidy(() => tf.stack(values.map((image) => tf.tensor3d(image, [side, side, 3]))))
          : featuresFrom(values, this.model.featureShapes),
      prompts: promptBatch(prompts, kind),
      target: targetBatch(prompts),
      multimask: this.settings.loss === "sam" && kind === "point",
      cases,
    };
  }

  private async readBatch(number: number): Promise<LoadedBatch> {
    const { batch, prompts } = this.settings;
    const kind =
      prompts === "either"
        ? this.random
            .split("kind")
            .split(number)
            .pick(["box", "point"] as const)
        : prompts;
    const read = await Promise.all(
      Array.from({ length: batch }, (_, n) => this.readSample(number * batch + n, kind)),
    );
    return {
      cases: read.map(({ sample }) => sample.id),
      values: read.map(({ values }) => values),
      prompts: read.flatMap(({ sample }) => sample.prompts),
      kind,
    };
  }

  private async readSample(
    position: number,
    kind: PromptKind,
  ): Promise<{ readonly sample: TrainingSample; readonly values: Float32Array }> {
    const epoch = Math.floor(position / this.data.length);
    const found = checkCase(await this.data.read(this.orderOf(epoch)[position % this.data.length]));
    const sample = this.sampler.sample(found, this.random.split("sample").split(epoch).split(found.id), kind);
    const pixels = () => this.sampler.pixels(sample.image);
    return { sample, values: (await this.frozen?.embed(sample.image, pixels)) ?? pixels() };
  }

  private orderOf(number: number): readonly number[] {
    if (this.epoch?.number !== number) {
      const order = shuffled(this.data.length, this.random.split("order").split(number));
      this.epoch = { number, order };
    }
    return this.epoch.order;
  }
}

/** Frees a batch. */
export function disposeBatch({ images, prompts, target }: TrainingBatch): void {
  tf.dispose([images instanceof tf.Tensor ? images : featureTensors(images), { ...prompts }, target]);
}

/** @throws ImageError when a case has no object, or one that is empty or of another size than its image. */
export function checkCase(given: TrainingCase): TrainingCase {
  const { id, image, objects } = given;
  if (objects.length === 0) throw new ImageError(`${id}: has no object to learn; leave it out`);
  for (const [n, mask] of objects.entries()) {
    if (mask.width !== image.width || mask.height !== image.height)
      throw new ImageError(
        `${id}: mask ${n} is ${mask.width} x ${mask.height}; expected ${image.width} x ${image.height}, as the image`,
      );
    if (maskArea(mask) === 0) throw new ImageError(`${id}: mask ${n} is empty; leave it out`);
  }
  return given;
}
