import * as tf from "@tensorflow/tfjs";
import { Gelu } from "../layers/activation.js";
import { ConvTranspose2d } from "../layers/convolution.js";
import { Embedding } from "../layers/embedding.js";
import { Layer } from "../layers/layer.js";
import { Mlp } from "../layers/mlp.js";
import { LayerNorm2d } from "../layers/norm.js";
import { MapSequential } from "../layers/sequential.js";
import type { ParamScope } from "../weights/paramScope.js";
import type { SamConfig } from "./config.js";
import { TwoWayTransformer, type TokensAndImage } from "./twoWayTransformer.js";

/** What the mask decoder gets: B prompts, on one image or on one each; C is the decoder's width. */
export interface MaskDecoderInput {
  /** [1 or B, grid, grid, C], one image for all prompts, or one a prompt. */
  readonly imageEmbeddings: tf.Tensor;
  /** [1, grid, grid, C]. */
  readonly imagePe: tf.Tensor;
  /** [B, n, C]. */
  readonly sparseEmbeddings: tf.Tensor;
  /** [B, grid, grid, C]. */
  readonly denseEmbeddings: tf.Tensor;
  /** True gives the masks for ambiguous prompts, false the single one, which MedSAM uses. */
  readonly multimaskOutput: boolean;
  /**
   * Finer maps of the image, the finest first: [1 or B, 4·grid, 4·grid, C/8] and [1 or B, 2·grid, 2·grid, C/4]. SAM 2
   * has them, SAM none.
   */
  readonly highResFeatures?: readonly tf.Tensor[];
  /** Whether a single mask that is not stable gives way to the best of the others. For SAM 2; default true. */
  readonly dynamicMultimask?: boolean;
}

/** `masks` [B, M, 4·grid, 4·grid], logits; `iouPredictions` [B, M], the expected overlap of each. */
export type MaskPredictions = Readonly<Record<"masks" | "iouPredictions", tf.Tensor>>;

/** What the mask decoder needs of a configuration. */
export type MaskDecoderConfig = Pick<SamConfig, "promptEmbedDim" | "maskDecoder">;

/** How decoders of the families differ inside. */
export interface MaskDecoderOptions {
  /** See `TwoWayTransformerConfig`. Default false. */
  readonly mlpLayers?: boolean;
  /** The predicted overlaps lie between 0 and 1. Default false. */
  readonly iouPredictionUseSigmoid?: boolean;
}

/** Predictions of all mask tokens, the single one first, and the decoder's output tokens [B, tokens, C]. */
export type AllPredictions = MaskPredictions & { readonly queries: tf.Tensor };

/** What the mask decoders of both families share: predictions for all mask tokens. A subclass chooses among them. */
export abstract class AnyMaskDecoder<Out extends MaskPredictions> extends Layer<
  [input: MaskDecoderInput],
  Out
> {
  transformer: Layer<[image: tf.Tensor, imagePe: tf.Tensor, tokens: tf.Tensor], TokensAndImage>;
  iouToken: Layer<[]>;
  maskTokens: Layer<[]>;
  outputUpscaling: Layer<[map: tf.Tensor, ...highRes: tf.Tensor[]]>;
  outputHypernetworksMlps: Layer[];
  iouPredictionHead: Layer;

  constructor(
    params: ParamScope,
    { promptEmbedDim: dim, maskDecoder }: MaskDecoderConfig,
    { mlpLayers = false, iouPredictionUseSigmoid = false }: MaskDecoderOptions = {},
  ) {
    super();
    const { depth, numHeads, mlpDim, numMultimaskOutputs, iouHeadDepth, iouHeadHiddenDim } = maskDecoder;
    const numMaskTokens = numMultimaskOutputs + 1;
    this.transformer = new TwoWayTransformer(params.at("transformer"), {
      depth,
      embeddingDim: dim,
      numHeads,
      mlpDim,
      mlpLayers,
    });
    this.iouToken = new Embedding(params.at("iou_token"), { count: 1, dim });
    this.maskTokens = new Embedding(params.at("mask_tokens"), { count: numMaskTokens, dim });
    this.outputUpscaling = new MaskUpscaling(params.at("output_upscaling"), dim);
    const hypernetworks = params.at("output_hypernetworks_mlps");
    this.outputHypernetworksMlps = Array.from({ length: numMaskTokens }, (_, index) => {
      return new Mlp(hypernetworks.at(index), {
        inputDim: dim,
        hiddenDim: dim,
        outputDim: dim / 8,
        numLayers: 3,
      });
    });
    this.iouPredictionHead = new Mlp(params.at("iou_prediction_head"), {
      inputDim: dim,
      hiddenDim: iouHeadHiddenDim,
      outputDim: numMaskTokens,
      numLayers: iouHeadDepth,
      sigmoidOutput: iouPredictionUseSigmoid,
    });
  }

  /** Tokens before that of the scores, [1, C] each. */
  protected leadingTokens(): readonly tf.Tensor[] {
    return [];
  }

  /** @see `predict_masks` */
  protected predictAll(input: MaskDecoderInput): AllPredictions {
    const { imageEmbeddings, imagePe, sparseEmbeddings, denseEmbeddings, highResFeatures = [] } = input;
    const [batch] = sparseEmbeddings.shape;
    const [images, height, width, dim] = imageEmbeddings.shape;
    if (images !== 1 && images !== batch)
      throw new RangeError(
        `mask decoder: got ${images} images for ${batch} prompts; expected one image, or one for each prompt`,
      );
    const leading = this.leadingTokens();
    const output = tf.concat([...leading, this.iouToken.call(), this.maskTokens.call()], 0); // [… + 1 + masks, C]
    const maskCount = this.outputHypernetworksMlps.length;
    const tokenAt = (index: number) =>
      queries.slice([0, leading.length + index], [-1, 1]).reshape([batch, dim]);
    // A sum, because the gradient of `tile` is one slice and one addition a prompt.
    const outputTokens = output.expandDims(0).add(tf.zeros([batch, 1, 1]));
    const tokens = this.tap("tokens", tf.concat([outputTokens, sparseEmbeddings], 1)); // [B, … + 1 + masks + n, C]

    const source = imageEmbeddings.add(denseEmbeddings).reshape([batch, height * width, dim]);
    const { queries, keys } = this.transformer.call(
      source,
      imagePe.reshape([1, height * width, dim]),
      tokens,
    );

    const nchw = (map: tf.Tensor) => map.transpose([0, 3, 1, 2]);
    const map = keys.reshape([batch, height, width, dim]);
    const upscaled = this.outputUpscaling.call(map, ...highResFeatures); // [B, 4h, 4w, C/8]
    this.tap("upscaled_embedding", upscaled, nchw);
    const weights = this.outputHypernetworksMlps.map((mlp, index) => mlp.call(tokenAt(1 + index))); // [B, C/8] each
    const hyperIn = this.tap("hyper_in", tf.stack(weights, 1)); // [B, masks, C/8]
    const pixels = upscaled.reshape([batch, 16 * height * width, -1]);
    const masks = tf.matMul(hyperIn, pixels, false, true).reshape([batch, maskCount, 4 * height, 4 * width]);
    const iouPredictions = this.iouPredictionHead.call(tokenAt(0));
    this.tap("all_masks", masks);
    this.tap("all_iou_predictions", iouPredictions);
    return { masks, iouPredictions, queries };
  }
}

/**
 * Predicts masks from an image's embedding and prompts.
 *
 * @see segment_anything/modeling/mask_decoder.py, `MaskDecoder`
 */
export class MaskDecoder extends AnyMaskDecoder<MaskPredictions> {
  forward(input: MaskDecoderInput): MaskPredictions {
    const { masks, iouPredictions } = this.predictAll(input);
    const count = this.outputHypernetworksMlps.length;
    const [first, kept] = input.multimaskOutput ? [1, count - 1] : [0, 1];
    return {
      masks: masks.slice([0, first], [-1, kept]),
      iouPredictions: iouPredictions.slice([0, first], [-1, kept]),
    };
  }
}

/**
 * The image as the decoder left it, four times as fine: [B, h, w, C] gives [B, 4h, 4w, C/8]. Finer maps of the image,
 * where there are some, are added on the way.
 *
 * @see `output_upscaling` of both decoders
 */
export class MaskUpscaling extends MapSequential<[map: tf.Tensor, ...highRes: tf.Tensor[]]> {
  constructor(params: ParamScope, dim: number) {
    super([
      new ConvTranspose2d(params.at(0), { inChannels: dim, outChannels: dim / 4, kernelSize: 2 }),
      new LayerNorm2d(params.at(1), { dim: dim / 4 }),
      new Gelu(),
      new ConvTranspose2d(params.at(3), { inChannels: dim / 4, outChannels: dim / 8, kernelSize: 2 }),
      new Gelu(),
    ]);
  }

  override forward(map: tf.Tensor, finest?: tf.Tensor, finer?: tf.Tensor): tf.Tensor {
    const [conv1, norm, act1, conv2, act2] = this.layers;
    const plus = (x: tf.Tensor, other?: tf.Tensor) => (other === undefined ? x : x.add(other));
    const half = act1.call(norm.call(plus(conv1.call(map), finer)));
    return act2.call(plus(conv2.call(half), finest));
  }
}
