import type * as tf from "@tensorflow/tfjs";
import { Gelu } from "../../layers/activation.js";
import { CXBlock } from "../../layers/convNext.js";
import { Conv2d } from "../../layers/convolution.js";
import { Layer } from "../../layers/layer.js";
import { LayerNorm2d } from "../../layers/norm.js";
import { MapSequential } from "../../layers/sequential.js";
import { SinePositions } from "../../layers/sinePositions.js";
import type { ParamScope } from "../../weights/paramScope.js";
import type { MemoryEncoderSizes } from "./config.js";

/** Halvings from an image's pixels to the embedding's cells. */
const HALVINGS = 4;

/**
 * A mask of the image's size to the embedding's grid: [B, S, S, 1] gives [B, S/16, S/16, dim].
 *
 * @see sam2/modeling/memory_encoder.py, `MaskDownSampler`
 */
export class MaskDownSampler extends Layer {
  encoder: Layer;

  constructor(params: ParamScope, dim: number) {
    super();
    this.layout = "nhwc";
    const encoder = params.at("encoder");
    // Each halving has four times the channels of the one before.
    const layers = Array.from({ length: HALVINGS }, (_, n) => {
      const [inChannels, outChannels] = [4 ** n, 4 ** (n + 1)];
      const halving = { inChannels, outChannels, kernelSize: 3, stride: 2, padding: 1 };
      return [
        new Conv2d(encoder.at(3 * n), halving),
        new LayerNorm2d(encoder.at(3 * n + 1), { dim: outChannels }),
        new Gelu(),
      ];
    }).flat();
    const last = { inChannels: 4 ** HALVINGS, outChannels: dim, kernelSize: 1 };
    this.encoder = new MapSequential([...layers, new Conv2d(encoder.at(3 * HALVINGS), last)]);
  }

  forward(masks: tf.Tensor): tf.Tensor {
    return this.encoder.call(masks);
  }
}

/** ConvNeXt blocks one after the other on maps. @see sam2/modeling/memory_encoder.py, `Fuser` */
export class Fuser extends Layer {
  layers: Layer[];

  constructor(params: ParamScope, dim: number, numLayers: number) {
    super();
    this.layout = "nhwc";
    this.layers = Array.from(
      { length: numLayers },
      (_, n) => new CXBlock(params.at("layers").at(n), { dim }),
    );
  }

  forward(x: tf.Tensor): tf.Tensor {
    return this.layers.reduce((value, layer) => layer.call(value), x);
  }
}

/**
 * A frame and the mask found in it to a memory for later frames: the image's embedding [1 or B, h, w, C], without
 * anything of earlier frames, and masks [B, S, S, 1] (values -10 outside the object to 10 inside) give
 * [B, h, w, outDim].
 *
 * @see sam2/modeling/memory_encoder.py, `MemoryEncoder`
 */
export class MemoryEncoder extends Layer<[pixFeat: tf.Tensor, masks: tf.Tensor]> {
  maskDownsampler: Layer;
  pixFeatProj: Layer;
  fuser: Layer;
  outProj: Layer;
  /** Places in the frame that belong to every memory. */
  positionEncoding: Layer<[size: readonly [height: number, width: number]]>;

  constructor(params: ParamScope, dim: number, { outDim, numLayers }: MemoryEncoderSizes) {
    super();
    this.layout = "nhwc";
    const pointwise = (name: string, outChannels: number) =>
      new Conv2d(params.at(name), { inChannels: dim, outChannels, kernelSize: 1 });
    this.maskDownsampler = new MaskDownSampler(params.at("mask_downsampler"), dim);
    this.pixFeatProj = pointwise("pix_feat_proj", dim);
    this.fuser = new Fuser(params.at("fuser"), dim, numLayers);
    this.outProj = pointwise("out_proj", outDim);
    this.positionEncoding = new SinePositions(outDim);
  }

  forward(pixFeat: tf.Tensor, masks: tf.Tensor): tf.Tensor {
    const { maskDownsampler, pixFeatProj, fuser, outProj } = this;
    this.tap("pix_feat", pixFeat, (map) => map.transpose([0, 3, 1, 2]));
    this.tap("masks", masks, (map) => map.transpose([0, 3, 1, 2]));
    const small = maskDownsampler.call(masks);
    return outProj.call(fuser.call(pixFeatProj.call(pixFeat).add(small)));
  }
}
