import * as tf from "@tensorflow/tfjs";
import { keeps } from "../layers/exactly.js";
import type { Parameter, ParamScope } from "../weights/paramScope.js";
import { gridSize, type SamConfig, type TinyViTSizes } from "./config.js";
import type { FeatureShapes, ImageFeatures } from "./features.js";
import { ImageEncoder, type EncoderBlock } from "./imageEncoder.js";
import { MaskDecoder, type MaskPredictions } from "./maskDecoder.js";
import { PromptableModel } from "./promptableModel.js";
import { PromptEncoder, type Prompts } from "./promptEncoder.js";
import type { SteppedEncoder } from "./steppedEncoder.js";
import { TinyViT } from "./tinyVit.js";

/** The image encoder that a configuration is built with; any `SteppedEncoder` where its type is not known. */
export type EncoderOf<Config extends SamConfig> = Config extends {
  readonly imageEncoder: { readonly type: "ViT"; readonly depth: infer Depth extends number };
}
  ? ImageEncoder<Repeated<EncoderBlock, Depth>>
  : Config extends { readonly imageEncoder: TinyViTSizes }
    ? TinyViT
    : SteppedEncoder;

/** As many as a number that is known when types are checked, so that `blocks[3]` is certain to be there; or any number. */
export type Repeated<T, Count extends number, Found extends T[] = []> = number extends Count
  ? T[]
  : Found["length"] extends Count
    ? Found
    : Repeated<T, Count, [...Found, T]>;

/**
 * Segment Anything, and so MedSAM: image encoder, prompt encoder, mask decoder.
 *
 * @see segment_anything/modeling/sam.py, `Sam`; MedSAM's train_one_gpu.py, `MedSAM`
 */
export class Sam<Config extends SamConfig = SamConfig> extends PromptableModel {
  /** As a `Sam` of no certain configuration, a model takes any other encoder: `const model: Sam = await loadMedSam()`. */
  imageEncoder: EncoderOf<Config>;
  promptEncoder: PromptEncoder;
  maskDecoder: MaskDecoder;

  constructor(
    params: ParamScope,
    readonly config: Config,
  ) {
    super();
    this.imageEncoder = buildEncoder(params.at("image_encoder"), config) as EncoderOf<Config>;
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

function buildEncoder(params: ParamScope, config: SamConfig): SteppedEncoder {
  const { imageEncoder: sizes } = config;
  return sizes.type === "TinyViT"
    ? new TinyViT(params, sizes, config)
    : new ImageEncoder(params, sizes, config);
}

const encodesAsSam = keeps(Sam, "encode");
const stepsAsSam = keeps(Sam, "encodeInSteps");
