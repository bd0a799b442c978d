import type * as tf from "@tensorflow/tfjs";
import type { Parameter, ParamScope } from "../weights/paramScope.js";
import { Gelu } from "./activation.js";
import { DepthwiseConv2d } from "./convolution.js";
import type { Layer } from "./layer.js";
import { Linear } from "./linear.js";
import { FeedForward } from "./mlp.js";
import { LayerNorm2d } from "./norm.js";

/** Sizes of a `CXBlock`. */
export interface CXBlockConfig {
  readonly dim: number;
  /** Default 7. */
  readonly kernelSize?: number;
}

/**
 * ConvNeXt's block on maps: `x + γ · pwconv2(act(pwconv1(norm(dwconv(x)))))`. [B, h, w, dim] gives [B, h, w, dim].
 *
 * @see sam2/modeling/memory_encoder.py, `CXBlock`
 */
export class CXBlock extends FeedForward {
  dwconv: Layer;
  norm: Layer;
  pwconv1: Layer;
  act: Layer = new Gelu();
  pwconv2: Layer;
  /** [dim]. */
  gamma: Parameter;

  constructor(params: ParamScope, { dim, kernelSize = 7 }: CXBlockConfig) {
    super();
    this.layout = "nhwc";
    const padding = (kernelSize - 1) / 2;
    this.dwconv = new DepthwiseConv2d(params.at("dwconv"), { channels: dim, kernelSize, padding });
    this.norm = new LayerNorm2d(params.at("norm"), { dim });
    this.pwconv1 = new Linear(params.at("pwconv1"), { inFeatures: dim, outFeatures: 4 * dim });
    this.pwconv2 = new Linear(params.at("pwconv2"), { inFeatures: 4 * dim, outFeatures: dim });
    this.gamma = params.get("gamma", [dim], 1e-6);
  }

  forward(x: tf.Tensor): tf.Tensor {
    const { dwconv, norm, pwconv1, act, pwconv2, gamma } = this;
    const seen = this.checked(dwconv, dwconv.call(x), x.shape);
    const normed = this.checked(norm, norm.call(seen), x.shape);
    const update = pwconv2.call(this.activated(pwconv1, act, normed));
    return x.add(this.checked(pwconv2, update, x.shape).mul(gamma.value));
  }
}
