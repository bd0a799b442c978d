import type { Tensor } from "@tensorflow/tfjs";
import type { ParamScope } from "../weights/paramScope.js";
import { Conv2d } from "./convolution.js";
import { Layer } from "./layer.js";

/** Side of a patch in pixels, and channels before and after. */
export interface PatchEmbedConfig {
  /** Pixels from one patch to the next. */
  readonly patchSize: number;
  /** Side of what each patch sees; default `patchSize`, so that they do not overlap. */
  readonly kernelSize?: number;
  /** Zeros on each side of the image, default 0. */
  readonly padding?: number;
  readonly inChannels: number;
  readonly embedDim: number;
}

/**
 * Cuts an image into patches and projects each: [B, H, W, inChannels] gives [B, H/patch, W/patch, embedDim].
 *
 * @see segment_anything/modeling/image_encoder.py, `PatchEmbed`; sam2/modeling/backbones/utils.py, `PatchEmbed`
 */
export class PatchEmbed extends Layer {
  proj: Layer;

  constructor(params: ParamScope, config: PatchEmbedConfig) {
    super();
    const { patchSize, kernelSize = patchSize, padding = 0, inChannels, embedDim } = config;
    this.proj = new Conv2d(params.at("proj"), {
      inChannels,
      outChannels: embedDim,
      kernelSize,
      stride: patchSize,
      padding,
    });
  }

  forward(images: Tensor): Tensor {
    return this.proj.call(images);
  }
}
