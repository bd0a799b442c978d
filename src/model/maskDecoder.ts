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
}

/** `masks` [B, M, 4·grid, 4·grid], logits; `iouPredictions` [B, M], the expected overlap of each. */
export type MaskPredictions = Readonly<Record<"masks" | "iouPredictions", tf.Tensor>>;

/**
 * Predicts masks from an image's embedding and prompts.
 *
 * @see segment_anything/modeling/mask_decoder.py, `MaskDecoder`
 */
export class MaskDecoder extends Layer<[input: MaskDecoderInput], MaskPredictions> {
  transformer: Layer<[image: tf.Tensor, imagePe: tf.Tensor, tokens: tf.Tensor], TokensAndImage>;
  iouToken: Layer<[]>;
  maskTokens: Layer<[]>;
  outputUpscaling: Layer;
  outputHypernetworksMlps: Layer[];
  iouPredictionHead: Layer;

  constructor(params: ParamScope, { promptEmbedDim: dim, maskDecoder }: SamConfig) {
    super();
    const { depth, numHeads, mlpDim, numMultimaskOutputs, iouHeadDepth, iouHeadHiddenDim } = maskDecoder;
    const numMaskTokens = numMultimaskOutputs + 1;
    this.transformer = new TwoWayTransformer(params.at("transformer"), {
      depth,
      embeddingDim: dim,
      numHeads,
      mlpDim,
    });
    this.iouToken = new Embedding(params.at("iou_token"), { count: 1, dim });
    this.maskTokens = new Embedding(params.at("mask_tokens"), { count: numMaskTokens, dim });
    const upscaling = params.at("output_upscaling");
    this.outputUpscaling = new MapSequential([
      new ConvTranspose2d(upscaling.at(0), { inChannels: dim, outChannels: dim / 4, kernelSize: 2 }),
      new LayerNorm2d(upscaling.at(1), { dim: dim / 4 }),
      new Gelu(),
      new ConvTranspose2d(upscaling.at(3), { inChannels: dim / 4, outChannels: dim / 8, kernelSize: 2 }),
      new Gelu(),
    ]);
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
    });
  }

  forward(input: MaskDecoderInput): MaskPredictions {
    const { masks, iouPredictions } = this.predictAll(input);
    const count = this.outputHypernetworksMlps.length;
    const [first, kept] = input.multimaskOutput ? [1, count - 1] : [0, 1];
    return {
      masks: masks.slice([0, first], [-1, kept]),
      iouPredictions: iouPredictions.slice([0, first], [-1, kept]),
    };
  }

  /** Masks and scores of all mask tokens, the single one first. @see `predict_masks` */
  private predictAll(input: MaskDecoderInput): MaskPredictions {
    const { imageEmbeddings, imagePe, sparseEmbeddings, denseEmbeddings } = input;
    const [batch] = sparseEmbeddings.shape;
    const [images, height, width, dim] = imageEmbeddings.shape;
    if (images !== 1 && images !== batch)
      throw new RangeError(
        `mask decoder: got ${images} images for ${batch} prompts; expected one image, or one for each prompt`,
      );
    const output = tf.concat([this.iouToken.call(), this.maskTokens.call()], 0); // [1 + masks, C]
    const maskCount = output.shape[0] - 1;
    // A sum, because the gradient of `tile` is one slice and one addition a prompt.
    const outputTokens = output.expandDims(0).add(tf.zeros([batch, 1, 1]));
    const tokens = this.tap("tokens", tf.concat([outputTokens, sparseEmbeddings], 1)); // [B, 1 + masks + n, C]

    const source = imageEmbeddings.add(denseEmbeddings).reshape([batch, height * width, dim]);
    const { queries, keys } = this.transformer.call(
      source,
      imagePe.reshape([1, height * width, dim]),
      tokens,
    );

    const nchw = (map: tf.Tensor) => map.transpose([0, 3, 1, 2]);
    const upscaled = this.outputUpscaling.call(keys.reshape([batch, height, width, dim])); // [B, 4h, 4w, C/8]
    this.tap("upscaled_embedding", upscaled, nchw);
    const weights = this.outputHypernetworksMlps.map((mlp, index) => {
      return mlp.call(queries.slice([0, 1 + index], [-1, 1]).reshape([batch, dim])); // [B, C/8]
    });
    const hyperIn = this.tap("hyper_in", tf.stack(weights, 1)); // [B, masks, C/8]
    const pixels = upscaled.reshape([batch, 16 * height * width, -1]);
    const masks = tf.matMul(hyperIn, pixels, false, true).reshape([batch, maskCount, 4 * height, 4 * width]);
    const iouPredictions = this.iouPredictionHead.call(queries.slice([0, 0], [-1, 1]).reshape([batch, dim]));
    this.tap("all_masks", masks);
    this.tap("all_iou_predictions", iouPredictions);
    return { masks, iouPredictions };
  }
}
