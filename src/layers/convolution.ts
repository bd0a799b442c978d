import * as tf from "@tensorflow/tfjs";
import { linear } from "../ops/linear.js";
import { fanIn } from "../weights/initial.js";
import type { Parameter, ParamScope } from "../weights/paramScope.js";
import { Layer } from "./layer.js";

/** Sizes of a `Conv2d`, in pixels and channels, with PyTorch's meaning. */
export interface Conv2dConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: number;
  /** Default 1. */
  readonly stride?: number;
  /** Zeros on each side, default 0. */
  readonly padding?: number;
  /** Default true. */
  readonly bias?: boolean;
}

/** Convolution of maps: [B, h, w, inChannels] gives [B, h', w', outChannels]. @see torch.nn.Conv2d */
export class Conv2d extends Layer {
  weight: Parameter;
  bias?: Parameter;
  readonly stride: number;
  readonly padding: number;

  constructor(params: ParamScope, config: Conv2dConfig) {
    super();
    const { inChannels, outChannels, kernelSize, stride = 1, padding = 0, bias = true } = config;
    const initial = fanIn(inChannels * kernelSize ** 2);
    this.layout = "nhwc";
    this.weight = params.get("weight", [outChannels, inChannels, kernelSize, kernelSize], initial, "conv2d");
    if (bias) this.bias = params.get("bias", [outChannels], initial);
    this.stride = stride;
    this.padding = padding;
  }

  forward(x: tf.Tensor): tf.Tensor {
    const filter = this.weight.value as tf.Tensor4D;
    const out = tf.conv2d(padSides(x, this.padding), filter, this.stride, "valid");
    return this.bias === undefined ? out : out.add(this.bias.value);
  }
}

/** Sizes of a `DepthwiseConv2d`. */
export interface DepthwiseConv2dConfig {
  readonly channels: number;
  readonly kernelSize: number;
  /** Default 1. */
  readonly stride?: number;
  /** Zeros on each side, default 0. */
  readonly padding?: number;
  /** Default true. */
  readonly bias?: boolean;
}

/**
 * Convolution of each channel by itself: [B, h, w, channels] gives [B, h', w', channels].
 *
 * @see torch.nn.Conv2d with `groups` equal to the number of channels
 */
export class DepthwiseConv2d extends Layer {
  weight: Parameter;
  bias?: Parameter;
  readonly stride: number;
  readonly padding: number;

  constructor(params: ParamScope, config: DepthwiseConv2dConfig) {
    super();
    const { channels, kernelSize, stride = 1, padding = 0, bias = true } = config;
    const initial = fanIn(kernelSize ** 2);
    this.layout = "nhwc";
    this.weight = params.get("weight", [channels, 1, kernelSize, kernelSize], initial, "depthwiseConv2d");
    if (bias) this.bias = params.get("bias", [channels], initial);
    this.stride = stride;
    this.padding = padding;
  }

  forward(x: tf.Tensor): tf.Tensor {
    const filter = this.weight.value as tf.Tensor4D;
    const out = tf.depthwiseConv2d(padSides(x, this.padding), filter, this.stride, "valid");
    return this.bias === undefined ? out : out.add(this.bias.value);
  }
}

/** Sizes of a `ConvTranspose2d`. */
export interface ConvTranspose2dConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  /** Side of the kernel and stride at once: the kernels do not overlap. */
  readonly kernelSize: number;
}

/**
 * Transposed convolution with kernel = stride = k: [B, h, w, inChannels] gives [B, k·h, k·w, outChannels]. Each
 * input pixel becomes a k x k block of its own, so it is one matrix product and a rearrangement.
 *
 * @see torch.nn.ConvTranspose2d
 */
export class ConvTranspose2d extends Layer {
  weight: Parameter;
  bias: Parameter;
  readonly kernelSize: number;

  constructor(params: ParamScope, { inChannels, outChannels, kernelSize }: ConvTranspose2dConfig) {
    super();
    // PyTorch takes the second axis as the fan-in of a transposed convolution too.
    const initial = fanIn(outChannels * kernelSize ** 2);
    this.layout = "nhwc";
    this.weight = params.get(
      "weight",
      [inChannels, outChannels, kernelSize, kernelSize],
      initial,
      "convTranspose2d",
    );
    this.bias = params.get("bias", [outChannels], initial);
    this.kernelSize = kernelSize;
  }

  forward(x: tf.Tensor): tf.Tensor {
    const k = this.kernelSize;
    const [batch, h, w] = x.shape;
    const [inChannels, , , outChannels] = this.weight.value.shape;
    const blocks = linear(x, this.weight.value.reshape([inChannels, k * k * outChannels])); // [B, h, w, k·k·out]
    return blocks
      .reshape([batch * h, w, k, k * outChannels])
      .transpose([0, 2, 1, 3]) // [B·h, k, w, k·out]
      .reshape([batch, h * k, w * k, outChannels])
      .add(this.bias.value);
  }
}

/**
 * The same zeros on all sides of maps [B, h, w, C], as PyTorch pads. TensorFlow's own "same" is lopsided for
 * strides above 1, and its native library takes no numbers.
 */
function padSides(x: tf.Tensor, padding: number): tf.Tensor4D {
  const maps = x as tf.Tensor4D;
  if (padding === 0) return maps;
  const sides: [number, number] = [padding, padding];
  return maps.pad([[0, 0], sides, sides, [0, 0]]);
}
