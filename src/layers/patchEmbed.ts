import type { Tensor } from "@tensorflow/tfjs";
import type { ParamScope } from "../weights/paramScope.js";
import { Conv2d } from "./convolution.js";
import { Layer } from "./layer.js";

/** Side of a patch in pixels, and channels before and after. */
export interface PatchEmbedConfig {
  readonly patchSize: number;
  readonly inChannels: number;
  readonly embedDim: number;
}

/**
 * Cuts an image into patches and projects each: [B, H, W, inChannels] gives [B, H/patch, W/patch, embedDim].
 *
 * @see segment_anything/modeling/image_encoder.py, `PatchEmbed`
 */
export class PatchEmbed extends Layer {
  proj: Layer;

  constructor(params: ParamScope, { patchSize, inChannels, embedDim }: PatchEmbedConfig) {
    super();
    this.proj = new Conv2d(params.at("proj"), {
      inChannels,
      outChannels: embedDim,
      kernelSize: patchSize,
      stride: patchSize,
    });
  }

  forward(images: Tensor): Tensor {
    return this.proj.call(images);
  }
}
