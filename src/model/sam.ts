import * as tf from "@tensorflow/tfjs";
import { Layer } from "../layers/layer.js";
import type { ParamScope } from "../weights/paramScope.js";
import type { SamConfig } from "./config.js";
import { ImageEncoder } from "./imageEncoder.js";
import { MaskDecoder, type MaskPredictions } from "./maskDecoder.js";
import { PromptEncoder, type Prompts } from "./promptEncoder.js";
import type { SteppedEncoder } from "./steppedEncoder.js";
import { TinyViT } from "./tinyVit.js";

export interface SamInput extends Prompts {
  /** [1 or B, S, S, 3], preprocessed: one image for all prompts, or one a prompt. */
  readonly images: tf.Tensor;
  readonly multimaskOutput: boolean;
}

/**
 * Segment Anything, and so MedSAM: image encoder, prompt encoder, mask decoder.
 *
 * @see segment_anything/modeling/sam.py, `Sam`; MedSAM's train_one_gpu.py, `MedSAM`
 */
export class Sam extends Layer<[input: SamInput], MaskPredictions> {
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
      "embedDims" in sizes ? new TinyViT(encoder, sizes, config) : new ImageEncoder(encoder, sizes, config);
    this.promptEncoder = new PromptEncoder(params.at("prompt_encoder"), config);
    this.maskDecoder = new MaskDecoder(params.at("mask_decoder"), config);
  }

  /** From preprocessed images and prompts in their frame to low-resolution logits, [B, M, 4·grid, 4·grid]. */
  forward({ images, multimaskOutput, ...prompts }: SamInput): MaskPredictions {
    return this.decode(this.imageEncoder.call(images), prompts, multimaskOutput);
  }

  /** The second half alone, for embeddings that exist already, [1 or B, grid, grid, C]. */
  decode(imageEmbeddings: tf.Tensor, prompts: Prompts, multimaskOutput: boolean): MaskPredictions {
    const { imageEncoder, promptEncoder, maskDecoder } = this;
    return this.named(() =>
      tf.tidy(() => {
        const imagePe = promptEncoder.densePe();
        const [, ...expected] = imagePe.shape;
        this.checked(imageEncoder, imageEmbeddings, [imageEmbeddings.shape[0], ...expected]);
        const embedded = promptEncoder.call(prompts);
        return maskDecoder.call({ imageEmbeddings, imagePe, ...embedded, multimaskOutput });
      }),
    );
  }
}
