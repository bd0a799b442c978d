import type * as tf from "@tensorflow/tfjs";
import { Gelu } from "../layers/activation.js";
import { BiasedWindowAttention } from "../layers/biasedWindowAttention.js";
import { ConvBn } from "../layers/convBn.js";
import { Layer } from "../layers/layer.js";
import { Linear } from "../layers/linear.js";
import { LayerNorm } from "../layers/norm.js";
import { MapSequential } from "../layers/sequential.js";
import { windowPartition, windowUnpartition } from "../layers/windows.js";
import type { ParamScope } from "../weights/paramScope.js";
import type { SamConfig, TinyViTSizes } from "./config.js";
import { makeNeck, SteppedEncoder } from "./steppedEncoder.js";

const EXPANSION = 4;

/** Inverted bottleneck on a map: [B, h, w, dim] gives the same. @see tiny_vit_sam.py, `MBConv` */
class MbConv extends Layer {
  conv1: Layer;
  conv2: Layer;
  conv3: Layer;
  act: Layer = new Gelu();

  constructor(params: ParamScope, { dim }: { readonly dim: number }) {
    super();
    this.layout = "nhwc";
    const hidden = EXPANSION * dim;
    const size = { inChannels: hidden, outChannels: hidden, kernelSize: 1 } as const;
    this.conv1 = new ConvBn(params.at("conv1"), { ...size, inChannels: dim });
    this.conv2 = new ConvBn(params.at("conv2"), { ...size, kernelSize: 3 });
    this.conv3 = new ConvBn(params.at("conv3"), { ...size, outChannels: dim });
  }

  forward(x: tf.Tensor): tf.Tensor {
    const hidden = this.act.call(this.conv2.call(this.act.call(this.conv1.call(x))));
    return this.act.call(x.add(this.conv3.call(hidden)));
  }
}

/** Channels before and after a merge, and by what the sides are divided. */
export interface PatchMergingConfig {
  readonly dim: number;
  readonly outDim: number;
  readonly stride: number;
}

/** Widens a map and reduces its sides by `stride`. @see tiny_vit_sam.py, `PatchMerging` */
class PatchMerging extends Layer {
  conv1: Layer;
  conv2: Layer;
  conv3: Layer;
  act: Layer = new Gelu();

  constructor(params: ParamScope, { dim, outDim, stride }: PatchMergingConfig) {
    super();
    const size = { inChannels: outDim, outChannels: outDim, kernelSize: 1 } as const;
    this.conv1 = new ConvBn(params.at("conv1"), { ...size, inChannels: dim });
    this.conv2 = new ConvBn(params.at("conv2"), { ...size, kernelSize: 3, stride });
    this.conv3 = new ConvBn(params.at("conv3"), size);
  }

  forward(x: tf.Tensor): tf.Tensor {
    return this.conv3.call(this.act.call(this.conv2.call(this.act.call(this.conv1.call(x)))));
  }
}

/** Norm, then two linear layers with GELU: [..., dim] gives the same. @see tiny_vit_sam.py, `Mlp` */
class NormMlp extends Layer {
  norm: Layer;
  fc1: Layer;
  fc2: Layer;
  act: Layer = new Gelu();

  constructor(params: ParamScope, { dim }: { readonly dim: number }) {
    super();
    const hidden = EXPANSION * dim;
    this.norm = new LayerNorm(params.at("norm"), { dim, eps: 1e-5 });
    this.fc1 = new Linear(params.at("fc1"), { inFeatures: dim, outFeatures: hidden });
    this.fc2 = new Linear(params.at("fc2"), { inFeatures: hidden, outFeatures: dim });
  }

  forward(x: tf.Tensor): tf.Tensor {
    return this.fc2.call(this.act.call(this.fc1.call(this.norm.call(x))));
  }
}

/** Sizes of a block of `TinyViT`; windows in tokens a side. */
export interface TinyViTBlockConfig {
  readonly dim: number;
  readonly numHeads: number;
  readonly windowSize: number;
}

/**
 * Attention inside windows, a depthwise convolution, an MLP: [B, h, w, dim] gives the same. The convolution has
 * no residual.
 *
 * @see tiny_vit_sam.py, `TinyViTBlock`
 */
class TinyViTBlock extends Layer {
  attn: Layer;
  localConv: Layer;
  mlp: Layer;
  readonly windowSize: number;

  constructor(params: ParamScope, { dim, numHeads, windowSize }: TinyViTBlockConfig) {
    super();
    this.windowSize = windowSize;
    this.attn = new BiasedWindowAttention(params.at("attn"), { dim, numHeads, windowSize });
    this.localConv = new ConvBn(params.at("local_conv"), {
      inChannels: dim,
      outChannels: dim,
      kernelSize: 3,
    });
    this.mlp = new NormMlp(params.at("mlp"), { dim });
  }

  forward(x: tf.Tensor): tf.Tensor {
    const [, height, width, dim] = x.shape;
    const size = this.windowSize;
    const windows = windowPartition(x, size).reshape([-1, size * size, dim]);
    const attended = this.attn.call(windows).reshape([-1, size, size, dim]);
    const local = this.localConv.call(x.add(windowUnpartition(attended, [height, width])));
    return local.add(this.mlp.call(local));
  }
}

/** Blocks of one width, then a merge to the next: a stage. */
class Stage extends Layer {
  blocks: Layer[];
  downsample?: Layer;

  constructor(blocks: Layer[], downsample?: Layer) {
    super();
    this.blocks = blocks;
    if (downsample !== undefined) this.downsample = downsample;
  }

  forward(x: tf.Tensor): tf.Tensor {
    const out = this.blocks.reduce((value, block) => block.call(value), x);
    return this.downsample === undefined ? out : this.downsample.call(out);
  }
}

/** The stem: it keeps the image's size, unlike the original TinyViT's. */
class Stem extends Layer {
  seq: Layer;

  constructor(params: ParamScope, { dim }: { readonly dim: number }) {
    super();
    const seq = params.at("seq");
    this.layout = "nhwc";
    this.seq = new MapSequential([
      new ConvBn(seq.at(0), { inChannels: 3, outChannels: dim / 2, kernelSize: 1 }),
      new Gelu(),
      new ConvBn(seq.at(2), { inChannels: dim / 2, outChannels: dim, kernelSize: 1 }),
    ]);
  }

  forward(images: tf.Tensor): tf.Tensor {
    return this.seq.call(images);
  }
}

/**
 * LiteMedSAM's image encoder: images [B, S, S, 3] give embeddings [B, S/4, S/4, promptEmbedDim]. Maps stay maps
 * between the stages, where upstream flattens them.
 *
 * @see bowang-lab/MedSAM, branch LiteMedSAM, tiny_vit_sam.py, `TinyViT`
 */
export class TinyViT extends SteppedEncoder {
  patchEmbed: Layer;
  layers: Layer[];
  neck: Layer;

  constructor(params: ParamScope, sizes: TinyViTSizes, { promptEmbedDim }: SamConfig) {
    super();
    const { embedDims, depths, numHeads, windowSizes } = sizes;
    const last = embedDims.length - 1;
    this.patchEmbed = new Stem(params.at("patch_embed"), { dim: embedDims[0] });
    this.layers = embedDims.map((dim, stage) => {
      const scope = params.at("layers").at(stage);
      const blocks = Array.from({ length: depths[stage] }, (_, index) => {
        const block = scope.at("blocks").at(index);
        if (stage === 0) return new MbConv(block, { dim });
        return new TinyViTBlock(block, { dim, numHeads: numHeads[stage], windowSize: windowSizes[stage] });
      });
      if (stage === last) return new Stage(blocks);
      // The last merge widens only: the decoder wants a quarter of the image's side.
      const stride = stage === last - 1 ? 1 : 2;
      const outDim = embedDims[stage + 1];
      return new Stage(blocks, new PatchMerging(scope.at("downsample"), { dim, outDim, stride }));
    });
    this.neck = makeNeck(params.at("neck"), embedDims[last], promptEmbedDim);
  }

  protected stem(images: tf.Tensor): tf.Tensor {
    return this.patchEmbed.call(images);
  }

  protected stages(): readonly Layer[] {
    return this.layers;
  }
}
