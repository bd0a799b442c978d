import * as tf from "@tensorflow/tfjs";
import { keeps } from "../layers/exactly.js";
import type { Parameter, ParamScope } from "../weights/paramScope.js";
import { gridSize, type SamConfig } from "./config.js";
import type { FeatureShapes, ImageFeatures } from "./features.js";
import { ImageEncoder } from "./imageEncoder.js";
import { MaskDecoder, type MaskPredictions } from "./maskDecoder.js";
import { PromptableModel } from "./promptableModel.js";
import { PromptEncoder, type Prompts } from "./promptEncoder.js";
import type { SteppedEncoder } from "./steppedEncoder.js";
import { TinyViT } from "./tinyVit.js";

/**
 * Segment Anything, and so MedSAM: image encoder, prompt encoder, mask decoder.
 *
 * @see segment_anything/modeling/sam.py, `Sam`; MedSAM's train_one_gpu.py, `MedSAM`
 */
export class Sam extends PromptableModel {
  imageEncoder: SteppedEncoder;
  promptEncoder: PromptEncoder;
  maskDecoder: MaskDecoder;

  constructor(
    params: ParamScope,
    readonly config: SamConfig,
  ) {
    super();
    const { imageEncoder: sizes } = config;
    const encoder = params.at("image_encoder");
    this.imageEncoder =
      sizes.type === "TinyViT"
        ? new TinyViT(encoder, sizes, config)
        : new ImageEncoder(encoder, sizes, config);
    this.promptEncoder = new PromptEncoder(params.at("prompt_encoder"), config);
    this.maskDecoder = new MaskDecoder(params.at("mask_decoder"), config);
  }

  get featureShapes(): FeatureShapes {
    const grid = gridSize(this.config);
    return { embedding: [grid, grid, this.config.promptEmbedDim] };
  }

  encodingParameters(): Map<string, Parameter> {
    return this.imageEncoder.namedParameters("image_encoder");
  }

  encode(images: tf.Tensor): ImageFeatures {
    return { embedding: this.imageEncoder.call(images) };
  }

  *encodeInSteps(images: tf.Tensor): Generator<number, ImageFeatures> {
    // Of a subclass that has an `encode` of its own alone.
    if (stepsAsSam(this) && !encodesAsSam(this)) return this.encode(images);
    return { embedding: yield* this.imageEncoder.steps(images) };
  }

  decode({ embedding }: ImageFeatures, prompts: Prompts, multimaskOutput: boolean): MaskPredictions {
    const { imageEncoder, promptEncoder, maskDecoder } = this;
    return this.named(() =>
      tf.tidy(() => {
        const imagePe = promptEncoder.densePe();
        const [, ...expected] = imagePe.shape;
        this.checked(imageEncoder, embedding, [embedding.shape[0], ...expected]);
        const embedded = promptEncoder.call(prompts);
        return maskDecoder.call({ imageEmbeddings: embedding, imagePe, ...embedded, multimaskOutput });
      }),
    );
  }
}

const encodesAsSam = keeps(Sam, "encode");
const stepsAsSam = keeps(Sam, "encodeInSteps");
