import type * as tf from "@tensorflow/tfjs";
import { ONES, ZEROS } from "../weights/initial.js";
import type { Parameter, ParamScope } from "../weights/paramScope.js";
import { Conv2d, DepthwiseConv2d } from "./convolution.js";
import { Layer } from "./layer.js";

const EPS = 1e-5;

/**
 * Normalisation of maps [B, h, w, dim] by the statistics in the checkpoint, as `nn.BatchNorm2d` in evaluation
 * mode. The statistics are not trained.
 *
 * @see torch.nn.BatchNorm2d
 */
export class BatchNorm2d extends Layer {
  weight: Parameter;
  bias: Parameter;
  runningMean: Parameter;
  runningVar: Parameter;

  constructor(params: ParamScope, { dim }: { readonly dim: number }) {
    super();
    this.layout = "nhwc";
    this.weight = params.get("weight", [dim], ONES);
    this.bias = params.get("bias", [dim], ZEROS);
    this.runningMean = params.get("running_mean", [dim], ZEROS);
    this.runningVar = params.get("running_var", [dim], ONES);
    this.runningMean.value.trainable = false;
    this.runningVar.value.trainable = false;
  }

  forward(x: tf.Tensor): tf.Tensor {
    const scale = this.runningVar.value.add(EPS).rsqrt().mul(this.weight.value);
    return x.mul(scale).add(this.bias.value.sub(this.runningMean.value.mul(scale)));
  }
}

/** Sizes of a `ConvBn`. */
export interface ConvBnConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  /** 1 for a pointwise convolution, 3 for a depthwise one (padding 1, as many outputs as inputs). */
  readonly kernelSize: 1 | 3;
  readonly stride?: number;
}

/**
 * Convolution without bias, then batch normalisation: [B, h, w, inChannels] gives [B, h', w', outChannels].
 *
 * @see tiny_vit_sam.py, `Conv2d_BN`
 */
export class ConvBn extends Layer {
  c: Layer;
  bn: Layer;

  constructor(params: ParamScope, { inChannels, outChannels, kernelSize, stride = 1 }: ConvBnConfig) {
    super();
    this.layout = "nhwc";
    this.c =
      kernelSize === 1
        ? new Conv2d(params.at("c"), { inChannels, outChannels, kernelSize, bias: false })
        : new DepthwiseConv2d(params.at("c"), {
            channels: outChannels,
            kernelSize,
            stride,
            padding: 1,
            bias: false,
          });
    this.bn = new BatchNorm2d(params.at("bn"), { dim: outChannels });
  }

  forward(x: tf.Tensor): tf.Tensor {
    return this.bn.call(this.c.call(x));
  }
}
