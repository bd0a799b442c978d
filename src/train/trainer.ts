import * as tf from "@tensorflow/tfjs";
import { matchGlobs } from "../layers/glob.js";
import type { AnyLayer, Layer } from "../layers/layer.js";
import { addLora, LoraLinear } from "../layers/lora.js";
import { Recomputed } from "../layers/recomputed.js";
import { replaceLayers } from "../layers/replace.js";
import { gridSize } from "../model/config.js";
import { familyOf } from "../model/families.js";
import type { PromptableModel } from "../model/promptableModel.js";
import { CheckpointError, type Checkpoint } from "../weights/checkpoint.js";
import { tfShape, torchToTf } from "../weights/layout.js";
import { fromFloat32, toFloat32 } from "../weights/numbers.js";
import { seededParameters } from "../weights/paramScope.js";
import type { TensorToWrite } from "../weights/safetensorsWriter.js";
import { AdamW, withoutNormsAndBiases } from "./adamw.js";
import { batchLoss, type TrainingBatch } from "./batchLoss.js";
import {
  clipByGlobalNorm,
  disposeGradients,
  GradientAccumulator,
  gradientNorm,
  lossAndGradients,
  type Gradients,
  type Parameters,
} from "./gradients.js";
import type { Schedule } from "./schedule.js";
import { chooseTrainable } from "./select.js";
import { scheduleOf, settingsFor, type ModelSettings, type SettingsInput } from "./settings.js";

/** A training that cannot go on: says at which step, why, and what to do. */
export class TrainingError extends Error {
  override name = "TrainingError";
}

/** What a step came to. */
export interface TrainingStep {
  /** Steps made, this one among them. */
  readonly step: number;
  /** Before the step. */
  readonly loss: number;
  /** Norm of all gradients as one vector, before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
}

/** Above this many tokens, blocks of the encoder are computed twice rather than remembered. */
const REMEMBERED_TOKENS = 1024;

/**
 * A model in training: what trains, the optimiser, the step. The model's parameters change in place. Until `dispose`,
 * blocks of a large encoder stand in layers that compute them again for their gradients (see `Recomputed`).
 */
export class Trainer {
  readonly settings: ModelSettings;
  /** What trains, by state_dict path. */
  readonly parameters: Parameters;
  private readonly optimiser: AdamW;
  private readonly schedule: Schedule;
  /** Layers that stand in the model until `dispose`, and those whose places they have. */
  private readonly recomputed = new Map<AnyLayer, AnyLayer>();
  private made = 0;

  /** @throws RangeError for settings out of range, a pattern that matches nothing, or nothing to train. */
  constructor(
    readonly model: PromptableModel,
    settings: SettingsInput,
  ) {
    this.settings = settingsFor(model.config, settings);
    const { train, seed, learningRate, weightDecay, decayNorms } = this.settings;
    if (train === "lora") addMissingLora(model, this.settings.lora, seed);
    this.parameters = chooseTrainable(model, train);
    const groups = decayNorms ? [{ parameters: this.parameters }] : withoutNormsAndBiases(this.parameters);
    this.optimiser = new AdamW(groups, { learningRate, weightDecay });
    this.schedule = scheduleOf(this.settings);
    if (gridSize(model.config) ** 2 > REMEMBERED_TOKENS) this.recomputeBlocks();
  }

  /** Whether anything trains that encodes images; if not, their features may be computed once. */
  get trainsEncoder(): boolean {
    const encoding = this.model.encodingParameters();
    return [...this.parameters.keys()].some((path) => encoding.has(path));
  }

  /** Steps made. */
  get steps(): number {
    return this.made;
  }

  /**
   * One step of the optimiser from the mean gradient of some batches, which stay the caller's to dispose.
   *
   * @throws TrainingError when loss or gradients are not finite; the model is as it was then.
   */
  async step(batches: readonly TrainingBatch[]): Promise<TrainingStep> {
    const { learningRate, clip } = this.settings;
    const { loss, gradients } = await this.meanGradients(batches);
    const clipped =
      clip > 0
        ? clipByGlobalNorm(gradients, clip)
        : { gradients: new Map<string, tf.Tensor>(), norm: gradientNorm(gradients) };
    try {
      const [norm] = await clipped.norm.data();
      if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
        const cases = batches.flatMap((batch) => batch.cases ?? []);
        throw new TrainingError(await this.notFinite(loss, gradients, cases));
      }
      const factor = this.schedule(this.made);
      this.optimiser.step(clip > 0 ? clipped.gradients : gradients, factor);
      this.made++;
      return { step: this.made, loss, gradientNorm: norm, learningRate: learningRate * factor };
    } finally {
      disposeGradients(gradients);
      disposeGradients(clipped.gradients);
      clipped.norm.dispose();
    }
  }

  /**
   * Everything that going on bit for bit takes, besides the parameters that do not train.
   *
   * @throws TrainingError when a parameter is not finite: nothing of such a model is to be written.
   */
  state(): TensorToWrite[] {
    for (const [path, { value }] of this.parameters)
      if (!value.dataSync().every(Number.isFinite))
        throw new TrainingError(`after step ${this.made}, ${path} is not finite; lower the learning rate`);
    const parameters = [...this.parameters].map(([path, parameter]): TensorToWrite => ({
      name: `model.${path}`,
      dtype: "F32",
      shape: parameter.shape,
      bytes: () => fromFloat32(parameter.toTorch(), "F32"),
    }));
    return [...parameters, ...this.optimiser.state()];
  }

  /**
   * Takes up what `state` gave.
   *
   * @param steps made until then.
   * @throws CheckpointError when it is of other parameters; the training is as it was then.
   */
  restore(saved: Checkpoint, steps: number): void {
    for (const [path, { shape }] of this.parameters) {
      const info = saved.tensors.get(`model.${path}`);
      if (info?.shape.join() !== shape.join())
        throw new CheckpointError(
          `${saved.source}: model.${path} is ${info ? `[${info.shape}]` : "missing"}; expected [${shape}]`,
        );
    }
    const own = [...saved.tensors].filter(([name]) => !name.startsWith("model."));
    const readBytes = (name: string) => saved.readBytes(name);
    this.optimiser.restore({ ...saved, tensors: new Map(own), readBytes, close: () => undefined });
    for (const [path, { shape, layout, value }] of this.parameters) {
      const name = `model.${path}`;
      const values = toFloat32(saved.readBytes(name), saved.tensors.get(name)?.dtype ?? "F32");
      const laidOut = Float32Array.from(torchToTf(values, shape, layout));
      tf.tidy(() => value.assign(tf.tensor(laidOut, tfShape(shape, layout), "float32")));
    }
    this.made = steps;
  }

  /** Frees the optimiser and gives the model its own layers back. */
  dispose(): void {
    this.optimiser.dispose();
    replaceLayers(this.model, (layer) => this.recomputed.get(layer));
  }

  private async meanGradients(batches: readonly TrainingBatch[]) {
    const sum = new GradientAccumulator();
    const losses: number[] = [];
    try {
      for (const batch of batches) {
        const { loss, gradients } = lossAndGradients(
          () => batchLoss(this.model, batch, this.settings.loss),
          this.parameters,
        );
        losses.push((await loss.data())[0]);
        loss.dispose();
        if (batches.length === 1) return { loss: losses[0], gradients };
        sum.add(gradients, 1 / batches.length);
        disposeGradients(gradients);
      }
      const loss = losses.reduce((total, value) => total + value, 0) / losses.length;
      return { loss, gradients: sum.take() };
    } finally {
      sum.dispose();
    }
  }

  /** Names what is not finite, and the first layer of the model whose gradient is not. */
  private async notFinite(loss: number, gradients: Gradients, cases: readonly string[]): Promise<string> {
    let first = "none: only their sum overflows";
    for (const [path, gradient] of gradients) {
      if ((await gradient.data()).every(Number.isFinite)) continue;
      first = path;
      break;
    }
    return (
      `step ${this.made + 1}: the loss is ${loss} on the batch [${cases.join(", ")}]; the first gradient that is ` +
      `not finite: ${first}. The model is as it was before this step; lower the learning rate, clip gradients, ` +
      "or look at these cases"
    );
  }

  private recomputeBlocks(): void {
    const trained = new Set(this.parameters.values());
    const { blocks } = familyOf(this.model.config);
    replaceLayers(this.model, (layer, path) => {
      if (matchGlobs(blocks, [path]).length === 0) return undefined;
      const recomputed = new Recomputed(layer as unknown as Layer<tf.Tensor[]>, trained);
      this.recomputed.set(recomputed, layer);
      return recomputed;
    });
  }
}

/** Adapters with seeded values, unless the model has some. */
function addMissingLora(
  model: PromptableModel,
  { rank, alpha, targets }: ModelSettings["lora"],
  seed: number,
): void {
  const has = [...model.namedLayers()].some(([, layer]) => layer instanceof LoraLinear);
  if (has) return;
  // In a fused projection of queries, keys and values, the keys stay as they are.
  const fused = targets.every((target) => target.endsWith("qkv"));
  const parts = fused ? { parts: [true, false, true] } : {};
  addLora(model, targets, seededParameters(seed), { rank, alpha, ...parts });
}
