import type { Tensor } from "@tensorflow/tfjs";
import { linear } from "../ops/linear.js";
import { fanIn } from "../weights/initial.js";
import type { Parameter, ParamScope } from "../weights/paramScope.js";
import { Layer } from "./layer.js";

/** Widths of a `Linear`. */
export interface LinearConfig {
  readonly inFeatures: number;
  readonly outFeatures: number;
}

/** `x · weightᵀ + bias`: [..., inFeatures] gives [..., outFeatures]. @see torch.nn.Linear */
export class Linear extends Layer {
  weight: Parameter;
  bias: Parameter;

  constructor(params: ParamScope, { inFeatures, outFeatures }: LinearConfig) {
    super();
    this.weight = params.get("weight", [outFeatures, inFeatures], fanIn(inFeatures), "linear");
    this.bias = params.get("bias", [outFeatures], fanIn(inFeatures));
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight.value, this.bias.value);
  }
}
