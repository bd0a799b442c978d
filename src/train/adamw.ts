import * as tf from "@tensorflow/tfjs";
import type { Checkpoint } from "../weights/checkpoint.js";
import type { Parameter } from "../weights/paramScope.js";
import type { TensorToWrite } from "../weights/safetensorsWriter.js";
import type { Gradients, Parameters } from "./gradients.js";
import { assertMoments, freshMoments, momentsToWrite, readMoments, type Moments } from "./moments.js";

/** PyTorch's defaults. */
export const ADAMW_DEFAULTS = {
  learningRate: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 1e-2,
} as const;

/** PyTorch's options of AdamW, with its defaults. */
export interface AdamWOptions {
  /** Default 1e-3. */
  readonly learningRate?: number;
  /** Share that the running means of gradient and squared gradient keep at each step. Default 0.9 and 0.999. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly eps?: number;
  /** Default 1e-2. */
  readonly weightDecay?: number;
}

/** Parameters with a learning rate or decay of their own. */
export interface AdamWGroup {
  readonly parameters: Parameters;
  /** Default: the optimiser's. */
  readonly learningRate?: number;
  /** Default: the optimiser's. */
  readonly weightDecay?: number;
}

interface Member {
  readonly parameter: Parameter;
  readonly learningRate: number;
  readonly weightDecay: number;
  moments?: Moments;
}

/** A parameter at a step. */
interface Pair {
  readonly parameter: Parameter;
  readonly moments: Moments;
  readonly gradient: tf.Tensor;
}

/** Pairs of the same settings and age. */
interface Bundle {
  readonly pairs: readonly Pair[];
  readonly learningRate: number;
  readonly weightDecay: number;
}

/**
 * Adam with decoupled weight decay, step by step as PyTorch's: a parameter without a gradient is left alone, not even
 * decayed; one whose gradient is zero decays. Holds two tensors of each parameter's size until `dispose`.
 *
 * @see torch.optim.AdamW, `_single_tensor_adamw`
 */
export class AdamW {
  private readonly members = new Map<string, Member>();
  private readonly betas: readonly [number, number];
  private readonly eps: number;

  /**
   * @param groups all parameters to train, each in one group.
   * @throws RangeError when a parameter is in two groups, there is none, or an option is out of its range.
   */
  constructor(groups: readonly AdamWGroup[], options: AdamWOptions = {}) {
    const { learningRate, betas, eps, weightDecay } = { ...ADAMW_DEFAULTS, ...options };
    this.betas = betas;
    this.eps = eps;
    for (const [index, beta] of betas.entries())
      if (!(beta >= 0 && beta < 1))
        throw new RangeError(`AdamW: betas[${index}] is ${beta}; expected 0 to below 1`);
    assertNotNegative("eps", eps);
    for (const group of groups) {
      const settings = {
        learningRate: group.learningRate ?? learningRate,
        weightDecay: group.weightDecay ?? weightDecay,
      };
      for (const [name, value] of Object.entries(settings)) assertNotNegative(name, value);
      for (const [path, parameter] of group.parameters) {
        if (this.members.has(path)) throw new RangeError(`AdamW: ${path} is in two groups; expected one`);
        this.members.set(path, { parameter, ...settings });
      }
    }
    if (this.members.size === 0) throw new RangeError("AdamW: no parameter to train; unfreeze some");
  }

  /**
   * Changes the parameters by one step. The gradients stay as they are.
   *
   * @param gradients by path; those of parameters that were not given are an error.
   * @param factor of all learning rates at this step (see `schedule.ts`).
   */
  step(gradients: Gradients, factor = 1): void {
    for (const [path, gradient] of gradients) {
      const member = this.members.get(path);
      if (member === undefined) throw new RangeError(`AdamW: ${path} has a gradient but is in no group`);
      const { shape } = member.parameter.value;
      if (gradient.shape.join() !== shape.join())
        throw new RangeError(
          `AdamW: gradient of ${path} is [${gradient.shape}]; expected [${shape}], as the parameter`,
        );
    }
    // The same few numbers for all parameters: made once a step, because making them takes as long as using them.
    const numbers = new Map<number, tf.Scalar>();
    const scalar = (value: number) => {
      const known = numbers.get(value) ?? tf.keep(tf.scalar(value));
      numbers.set(value, known);
      return known;
    };
    for (const bundle of this.bundles(gradients)) this.update(bundle, factor, scalar);
    for (const number of numbers.values()) number.dispose();
  }

  /**
   * What may be changed together: a matrix by itself, and vectors of the same settings and age as one long vector,
   * since most parameters are short vectors, and an operation on one takes as long as on all.
   */
  private *bundles(gradients: Gradients): Generator<Bundle> {
    const vectors = new Map<string, Pair[]>();
    for (const [path, gradient] of gradients) {
      const member = this.members.get(path);
      if (member === undefined) continue;
      const moments = (member.moments ??= freshMoments(member.parameter.value.shape));
      const pair = { parameter: member.parameter, moments, gradient };
      if (gradient.rank === 1) {
        const key = [member.learningRate, member.weightDecay, moments.steps].join();
        vectors.set(key, [...(vectors.get(key) ?? []), pair]);
      } else yield { ...member, pairs: [pair] };
    }
    for (const [key, pairs] of vectors) {
      const [learningRate, weightDecay] = key.split(",").map(Number);
      yield { learningRate, weightDecay, pairs };
    }
  }

  private update(
    { pairs, learningRate: ownRate, weightDecay }: Bundle,
    factor: number,
    scalar: (value: number) => tf.Scalar,
  ): void {
    const [beta1, beta2] = this.betas;
    const learningRate = ownRate * factor;
    const steps = pairs[0].moments.steps + 1;
    const correction = Math.sqrt(1 - beta2 ** steps);
    const stepSize = (learningRate / (1 - beta1 ** steps)) * correction;
    tf.tidy(() => {
      const all = (of: (pair: Pair) => tf.Tensor) => joined(pairs.map(of));
      const [gradient, oldMean, oldSquare] = [
        all((pair) => pair.gradient),
        all(({ moments }) => moments.mean),
        all(({ moments }) => moments.square),
      ];
      const mean = oldMean.add(gradient.sub(oldMean).mul(scalar(1 - beta1)));
      const square = oldSquare.mul(scalar(beta2)).add(gradient.square().mul(scalar(1 - beta2)));
      // PyTorch divides the root by the correction before it adds eps: here the rest is multiplied by it.
      const size = square.sqrt().add(scalar(this.eps * correction));
      const value = all(({ parameter }) => parameter.value);
      const decayed = weightDecay === 0 ? value : value.mul(scalar(1 - learningRate * weightDecay));
      const next = decayed.sub(mean.div(size).mul(scalar(stepSize)));
      const sizes = pairs.map((pair) => pair.gradient.size);
      const [means, squares, values] = [mean, square, next].map((tensor) => parted(tensor, sizes));
      for (const [index, { moments, parameter }] of pairs.entries()) {
        moments.steps = steps;
        moments.mean.assign(means[index]);
        moments.square.assign(squares[index]);
        parameter.value.assign(values[index]);
      }
    });
  }

  /**
   * What has to be saved to go on later bit for bit, besides the parameters: `exp_avg.PATH`, `exp_avg_sq.PATH` and
   * `step.PATH` (PyTorch's names and layouts) of each parameter that has had a gradient.
   */
  state(): TensorToWrite[] {
    return [...this.members].flatMap(([path, { parameter, moments }]) =>
      moments === undefined ? [] : momentsToWrite(path, parameter, moments),
    );
  }

  /**
   * Takes up a state that `state` gave.
   *
   * @throws CheckpointError when it is not one of these parameters; the optimiser is as it was then.
   */
  restore(saved: Checkpoint): void {
    const parameters = new Map([...this.members].map(([path, { parameter }]) => [path, parameter] as const));
    assertMoments(saved, parameters);
    this.dispose();
    for (const [path, member] of this.members) member.moments = readMoments(saved, path, member.parameter);
  }

  /** Frees the running means; the parameters are not its own. It may be used again, from a fresh start. */
  dispose(): void {
    for (const member of this.members.values()) {
      member.moments?.mean.dispose();
      member.moments?.square.dispose();
      member.moments = undefined;
    }
  }
}

/**
 * Two groups: decay for matrices, kernels and tables, none for norms and biases, which are the parameters of one
 * dimension. MedSAM itself decays all alike.
 */
export function withoutNormsAndBiases(parameters: Parameters): AdamWGroup[] {
  const entries = [...parameters];
  const isVector = ([, { shape }]: readonly [string, Parameter]) => shape.length <= 1;
  return [
    { parameters: new Map(entries.filter((entry) => !isVector(entry))) },
    { parameters: new Map(entries.filter(isVector)), weightDecay: 0 },
  ];
}

/** Vectors one behind the other; one tensor alone as it is. */
function joined(tensors: readonly tf.Tensor[]): tf.Tensor {
  return tensors.length === 1 ? tensors[0] : tf.concat1d(tensors as tf.Tensor1D[]);
}

/** Takes apart what `joined` put together. */
function parted(tensor: tf.Tensor, sizes: readonly number[]): tf.Tensor[] {
  return sizes.length === 1 ? [tensor] : tf.split(tensor, [...sizes]);
}

function assertNotNegative(name: string, value: number): void {
  if (!(value >= 0 && Number.isFinite(value)))
    throw new RangeError(`AdamW: ${name} is ${value}; expected 0 or more`);
}
