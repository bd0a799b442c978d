import type { Tensor } from "@tensorflow/tfjs";
import { layerNorm } from "../ops/normalization.js";
import { ONES, ZEROS } from "../weights/initial.js";
import type { Parameter, ParamScope } from "../weights/paramScope.js";
import { Layer } from "./layer.js";

/** Channels of a `LayerNorm`, and its epsilon. */
export interface LayerNormConfig {
  readonly dim: number;
  /** Added to the variance. PyTorch's default is 1e-5; SAM's encoder and maps use 1e-6. */
  readonly eps: number;
}

/** Normalisation over the last axis: [..., dim] gives [..., dim]. @see torch.nn.LayerNorm */
export class LayerNorm extends Layer {
  weight: Parameter;
  bias: Parameter;
  readonly eps: number;

  constructor(params: ParamScope, { dim, eps }: LayerNormConfig) {
    super();
    this.weight = params.get("weight", [dim], ONES);
    this.bias = params.get("bias", [dim], ZEROS);
    this.eps = eps;
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight.value, this.bias.value, this.eps);
  }
}

/**
 * Normalisation of every position of a map over its channels: [B, h, w, dim] gives the same. With channels last
 * it is the layer norm itself.
 *
 * @see segment_anything/modeling/common.py, `LayerNorm2d`
 */
export class LayerNorm2d extends LayerNorm {
  constructor(params: ParamScope, { dim, eps = 1e-6 }: { readonly dim: number; readonly eps?: number }) {
    super(params, { dim, eps });
    this.layout = "nhwc";
  }
}
