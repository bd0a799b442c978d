import * as tf from "@tensorflow/tfjs";
import { Conv2d } from "../../layers/convolution.js";
import { keeps } from "../../layers/exactly.js";
import type { Layer } from "../../layers/layer.js";
import { Linear } from "../../layers/linear.js";
import { Mlp } from "../../layers/mlp.js";
import { SMALL_NORMAL } from "../../weights/initial.js";
import type { Parameter, ParamScope } from "../../weights/paramScope.js";
import { gridSize } from "../config.js";
import { disposeFeatures, type FeatureShapes, type ImageFeatures } from "../features.js";
import type { MaskPredictions } from "../maskDecoder.js";
import { PromptableModel } from "../promptableModel.js";
import { PromptEncoder, type Prompts } from "../promptEncoder.js";
import type { Sam2Config } from "./config.js";
import { Sam2ImageEncoder, type EncoderMaps } from "./imageEncoder.js";
import { Sam2MaskDecoder } from "./maskDecoder.js";
import { MemoryAttention } from "./memoryAttention.js";
import { MemoryEncoder } from "./memoryEncoder.js";

/**
 * Segment Anything 2.1, and so MedSAM2. As a `PromptableModel` it segments single images; what it does with the frames
 * of a video or the slices of a volume is in `tracking.ts`.
 *
 * @see sam2/modeling/sam2_base.py, `SAM2Base`
 */
export class Sam2 extends PromptableModel {
  imageEncoder: Sam2ImageEncoder;
  /** A mask prompt to the size of the decoder's logits. */
  maskDownsample: Layer;
  memoryAttention: MemoryAttention;
  memoryEncoder: MemoryEncoder;
  samPromptEncoder: PromptEncoder;
  samMaskDecoder: Sam2MaskDecoder;
  /** Output token of a mask to the object's pointer. */
  objPtrProj: Layer;
  /** Distance in time of a pointer, as sines, to the width of memories. */
  objPtrTposProj: Layer;
  /** [numMaskmem, 1, 1, M], places in time of memories, the nearest frame's first, the prompted frames' last. */
  maskmemTposEnc: Parameter;
  /** [1, 1, C], added to a frame that remembers nothing. */
  noMemEmbed: Parameter;
  /** [1, 1, C]. In every checkpoint, and used by nothing. */
  noMemPosEnc: Parameter;
  /** [1, C], the pointer of an object that is not in the frame. */
  noObjPtr: Parameter;
  /** [1, M], added to the memory of a frame without the object. */
  noObjEmbedSpatial: Parameter;

  constructor(
    params: ParamScope,
    readonly config: Sam2Config,
  ) {
    super();
    const { promptEmbedDim: dim, numMaskmem, memoryAttention, memoryEncoder } = config;
    const memoryDim = memoryEncoder.outDim;
    const vector = (name: string, ...shape: number[]) => params.get(name, shape, SMALL_NORMAL);
    this.imageEncoder = new Sam2ImageEncoder(params.at("image_encoder"), config);
    this.maskDownsample = new Conv2d(params.at("mask_downsample"), {
      inChannels: 1,
      outChannels: 1,
      kernelSize: 4,
      stride: 4,
    });
    this.memoryAttention = new MemoryAttention(
      params.at("memory_attention"),
      dim,
      memoryDim,
      memoryAttention,
    );
    this.memoryEncoder = new MemoryEncoder(params.at("memory_encoder"), dim, memoryEncoder);
    this.samPromptEncoder = new PromptEncoder(params.at("sam_prompt_encoder"), config);
    this.samMaskDecoder = new Sam2MaskDecoder(params.at("sam_mask_decoder"), config);
    this.objPtrProj = new Mlp(params.at("obj_ptr_proj"), {
      inputDim: dim,
      hiddenDim: dim,
      outputDim: dim,
      numLayers: 3,
    });
    this.objPtrTposProj = new Linear(params.at("obj_ptr_tpos_proj"), {
      inFeatures: dim,
      outFeatures: memoryDim,
    });
    this.maskmemTposEnc = vector("maskmem_tpos_enc", numMaskmem, 1, 1, memoryDim);
    this.noMemEmbed = vector("no_mem_embed", 1, 1, dim);
    this.noMemPosEnc = vector("no_mem_pos_enc", 1, 1, dim);
    this.noObjPtr = vector("no_obj_ptr", 1, dim);
    this.noObjEmbedSpatial = vector("no_obj_embed_spatial", 1, memoryDim);
  }

  get featureShapes(): FeatureShapes {
    const { promptEmbedDim: dim } = this.config;
    const grid = gridSize(this.config);
    return {
      embedding: [grid, grid, dim],
      highRes: [
        [4 * grid, 4 * grid, dim / 8],
        [2 * grid, 2 * grid, dim / 4],
      ],
    };
  }

  encodingParameters(): Map<string, Parameter> {
    const { imageEncoder, samMaskDecoder } = this;
    return new Map([
      ...imageEncoder.namedParameters("image_encoder"),
      ...samMaskDecoder.convS0.namedParameters("sam_mask_decoder.conv_s0"),
      ...samMaskDecoder.convS1.namedParameters("sam_mask_decoder.conv_s1"),
    ]);
  }

  encode(images: tf.Tensor): ImageFeatures {
    return this.projected(this.imageEncoder.call(images));
  }

  *encodeInSteps(images: tf.Tensor): Generator<number, ImageFeatures> {
    // Of a subclass that has an `encode` of its own alone.
    if (stepsAsSam2(this) && !encodesAsSam2(this)) return this.encode(images);
    return this.projected(yield* this.imageEncoder.steps(images));
  }

  /** The finer maps as the decoder takes them. Frees the encoder's. @see `forward_image` */
  private projected(maps: EncoderMaps): ImageFeatures {
    const { convS0, convS1 } = this.samMaskDecoder;
    const { embedding, "backbone_fpn.0": finest, "backbone_fpn.1": finer } = maps;
    const highRes: tf.Tensor[] = [];
    try {
      highRes.push(convS0.call(finest));
      highRes.push(convS1.call(finer));
      return { embedding, highRes };
    } catch (error) {
      disposeFeatures({ embedding, highRes });
      throw error;
    } finally {
      tf.dispose([finest, finer]);
    }
  }

  /** As upstream's predictor for single images. @see sam2/sam2_image_predictor.py, `SAM2ImagePredictor` */
  decode(features: ImageFeatures, prompts: Prompts, multimaskOutput: boolean): MaskPredictions {
    return this.named(() =>
      tf.tidy(() => {
        const embedding = features.embedding.add(this.noMemEmbed.value);
        const { masks, iouPredictions } = this.runSamHeads(
          { ...features, embedding },
          boxesAsPoints(prompts),
          multimaskOutput,
        );
        return { masks, iouPredictions };
      }),
    );
  }

  /** Prompt encoder and mask decoder on features that are conditioned on memory, or on having none. */
  runSamHeads(features: ImageFeatures, prompts: Prompts, multimaskOutput: boolean, dynamicMultimask = true) {
    const { imageEncoder, samPromptEncoder, samMaskDecoder } = this;
    const { embedding, highRes } = features;
    const imagePe = samPromptEncoder.densePe();
    this.checked(imageEncoder, embedding, [embedding.shape[0], ...imagePe.shape.slice(1)]);
    return samMaskDecoder.call({
      imageEmbeddings: embedding,
      imagePe,
      ...samPromptEncoder.call(prompts),
      multimaskOutput,
      dynamicMultimask,
      highResFeatures: highRes,
    });
  }
}

const encodesAsSam2 = keeps(Sam2, "encode");
const stepsAsSam2 = keeps(Sam2, "encodeInSteps");

/** A box as two points before all others, labelled as its corners. */
function boxesAsPoints({ boxes, pointCoords, pointLabels, maskInputs }: Prompts): Prompts {
  if (boxes === undefined) return { pointCoords, pointLabels, maskInputs };
  const batch = boxes.shape[0];
  const corners = boxes.reshape([batch, 2, 2]);
  const labels = tf.tensor2d([2, 3], [1, 2]).add(tf.zeros([batch, 1]));
  return {
    pointCoords: pointCoords === undefined ? corners : tf.concat([corners, pointCoords], 1),
    pointLabels: pointLabels === undefined ? labels : tf.concat([labels, pointLabels.cast("float32")], 1),
    maskInputs,
  };
}
