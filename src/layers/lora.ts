import * as tf from "@tensorflow/tfjs";
import { linear } from "../ops/linear.js";
import { fanIn, ZEROS } from "../weights/initial.js";
import { ParamScope, type Parameter } from "../weights/paramScope.js";
import { exactly } from "./exactly.js";
import { matchAllGlobs } from "./glob.js";
import { Layer, type AnyLayer } from "./layer.js";
import { Linear } from "./linear.js";
import { replaceLayers } from "./replace.js";

const isLinear = exactly(Linear);

/** Sizes of LoRA's adapters, and which outputs get one. */
export interface LoraConfig {
  /** Width of the detour. */
  readonly rank: number;
  /** The detour is multiplied by `alpha / rank`. */
  readonly alpha: number;
  /**
   * Which parts of the output get an adapter, the output being cut into as many equal parts: `[true, false, true]` is
   * queries and values of a fused `qkv`. Default: the whole.
   */
  readonly parts?: readonly boolean[];
}

/**
 * The detour beside a linear layer, `x · aᵀ · bᵀ · alpha/rank`: [..., inFeatures] gives [..., outFeatures]. Zero at
 * first.
 */
export class LoraAdapter extends Layer {
  /** [rank, inFeatures]. */
  a: Parameter;
  /** [outFeatures, rank]. */
  b: Parameter;
  readonly scale: number;

  constructor(
    params: ParamScope,
    {
      inFeatures,
      outFeatures,
      rank,
      alpha,
    }: { inFeatures: number; outFeatures: number; rank: number; alpha: number },
  ) {
    super();
    this.a = params.get("a", [rank, inFeatures], fanIn(inFeatures), "linear");
    this.b = params.get("b", [outFeatures, rank], ZEROS, "linear");
    this.scale = alpha / rank;
  }

  forward(x: tf.Tensor): tf.Tensor {
    return linear(linear(x, this.a.value), this.b.value).mul(this.scale);
  }

  /** What the detour adds to the weight of the layer beside it, in TensorFlow.js's layout [inFeatures, outFeatures]. */
  weight(): tf.Tensor2D {
    return tf.tidy(() =>
      tf.matMul<tf.Tensor2D>(this.a.value as tf.Tensor2D, this.b.value as tf.Tensor2D).mul(this.scale),
    );
  }
}

/**
 * A linear layer with adapters of low rank, to be trained in its place: [..., inFeatures] gives [..., outFeatures].
 * `weight` and `bias` keep their paths, the adapters are `lora.0.a`, `lora.0.b` and so on, one for each part.
 *
 * @see Hu et al., LoRA (2021); loralib's `MergedLinear`
 */
export class LoraLinear extends Layer {
  weight: Parameter;
  bias: Parameter;
  lora: LoraAdapter[];
  /** First output of each adapter. */
  private readonly starts: readonly number[];

  /** @param base gives its parameters, which are this layer's from then on. */
  constructor(
    params: ParamScope,
    base: Linear,
    readonly config: LoraConfig,
  ) {
    super();
    const [outFeatures, inFeatures] = base.weight.shape;
    const { rank, alpha, parts = [true] } = config;
    if (!Number.isInteger(rank) || rank < 1 || !(alpha > 0))
      throw new RangeError(
        `LoRA of ${params.path}: rank is ${rank} and alpha ${alpha}; expected a whole number of at least 1, ` +
          "and one above 0",
      );
    const size = outFeatures / parts.length;
    if (!Number.isInteger(size) || !parts.includes(true))
      throw new RangeError(
        `LoRA of ${params.path}: ${outFeatures} outputs, parts [${parts}]; expected equal parts, one of them true`,
      );
    this.weight = base.weight;
    this.bias = base.bias;
    this.starts = parts.flatMap((adapted, part) => (adapted ? [part * size] : []));
    this.lora = this.starts.map(
      (_, index) =>
        new LoraAdapter(params.at("lora").at(index), { inFeatures, outFeatures: size, rank, alpha }),
    );
  }

  forward(x: tf.Tensor): tf.Tensor {
    const base = linear(x, this.weight.value, this.bias.value);
    return this.lora.reduce((sum, adapter, index) => sum.add(this.inPlace(adapter.call(x), index)), base);
  }

  /**
   * The same function as one linear layer, with parameters of its own.
   *
   * @throws TypeError when this layer or an adapter has a `forward` of its own, which no weight can stand for.
   */
  merged(): Linear {
    const layers: AnyLayer[] = [this, ...this.lora];
    const own = layers.find((layer) => !isLoraLinear(layer) && !isLoraAdapter(layer));
    if (own !== undefined)
      throw new TypeError(
        `LoRA: a ${own.constructor.name} whose forward is its own cannot be merged into a linear layer; ` +
          "override `merged` of the layer that has it, or save the adapters unmerged",
      );
    const [outFeatures, inFeatures] = this.weight.shape;
    const weight = tf.tidy(() => {
      const sum = this.lora.reduce<tf.Tensor>(
        (total, adapter, index) => total.add(this.inPlace(adapter.weight(), index)),
        this.weight.value,
      );
      return this.weight.toTorch(sum.dataSync<"float32">());
    });
    const values = { weight, bias: this.bias.toTorch().slice() };
    const source = { values: (name: string) => values[name as keyof typeof values] };
    return new Linear(new ParamScope(source), { inFeatures, outFeatures });
  }

  /** Columns of one adapter among zeros, as wide as the whole output. */
  private inPlace(columns: tf.Tensor, index: number): tf.Tensor {
    const [outFeatures] = this.weight.shape;
    const [start, size] = [this.starts[index], columns.shape[columns.rank - 1]];
    const none: [number, number][] = columns.shape.slice(1).map(() => [0, 0]);
    return columns.pad([...none, [start, outFeatures - start - size]]);
  }
}

const isLoraLinear = exactly(LoraLinear);
const isLoraAdapter = exactly(LoraAdapter);

/**
 * Gives the linear layers whose paths match LoRA adapters, and nothing else: choose what trains afterwards.
 *
 * @param targets patterns over the paths of layers, such as `image_encoder.blocks.*.attn.qkv`.
 * @param params fresh values for the adapters (`seededParameters`), or those of a checkpoint.
 * @returns the paths of the layers that got some.
 * @throws RangeError for a pattern that matches no linear layer, with the names nearest to it; TypeError for one with a
 * `forward` of its own, which adapters would take the place of.
 */
export function addLora(
  model: AnyLayer,
  targets: readonly string[],
  params: ParamScope,
  config: LoraConfig,
): string[] {
  const paths = [...model.namedLayers()].filter(([, layer]) => layer instanceof Linear).map(([path]) => path);
  const chosen = new Set(matchAllGlobs(targets, paths, "linear layer"));
  for (const [path, layer] of model.namedLayers())
    if (chosen.has(path) && !isLinear(layer))
      throw new TypeError(
        `LoRA of ${path}: this ${layer.constructor.name} has a forward of its own, which the adapters would take the ` +
          "place of; leave it out of the targets, or add the adapters in its forward",
      );
  replaceLayers(model, (layer, path) =>
    layer instanceof Linear && chosen.has(path) ? new LoraLinear(params.at(path), layer, config) : undefined,
  );
  return [...chosen];
}

/** Replaces all layers with adapters by plain ones that compute the same, for a checkpoint that any SAM loads. */
export function mergeLora(model: AnyLayer): void {
  replaceLayers(model, (layer) => {
    if (!(layer instanceof LoraLinear)) return undefined;
    const merged = layer.merged();
    layer.dispose();
    return merged;
  });
}
