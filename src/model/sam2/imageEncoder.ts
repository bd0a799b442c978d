import type * as tf from "@tensorflow/tfjs";
import { keeps } from "../../layers/exactly.js";
import { Layer } from "../../layers/layer.js";
import type { ParamScope } from "../../weights/paramScope.js";
import type { Sam2Config } from "./config.js";
import { FpnNeck } from "./fpnNeck.js";
import { Hiera } from "./hiera.js";

/**
 * The maps that the image encoder gives: `embedding` [B, S/16, S/16, C], and `backbone_fpn.0` and `backbone_fpn.1`, four
 * times and twice as fine.
 */
export type EncoderMaps = Readonly<Record<"embedding" | "backbone_fpn.0" | "backbone_fpn.1", tf.Tensor>>;

/**
 * SAM 2's image encoder, trunk and neck: images [B, S, S, 3] give maps of three sizes.
 *
 * @see sam2/modeling/backbones/image_encoder.py, `ImageEncoder`
 */
export class Sam2ImageEncoder extends Layer<[images: tf.Tensor], EncoderMaps> {
  override readonly mapOutputs = ["embedding", "backbone_fpn.0", "backbone_fpn.1"];
  trunk: Hiera;
  neck: FpnNeck;

  constructor(params: ParamScope, { imageEncoder: sizes, promptEmbedDim }: Sam2Config) {
    super();
    this.layout = "nhwc";
    const widths = sizes.stages.map((_, stage) => sizes.embedDim * 2 ** stage);
    this.trunk = new Hiera(params.at("trunk"), sizes);
    this.neck = new FpnNeck(params.at("neck"), widths, promptEmbedDim);
  }

  forward(images: tf.Tensor): EncoderMaps {
    const steps = this.pieces(images);
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
    }
  }

  /** `forward`, pausing after each block, as `Hiera.steps`. */
  *steps(images: tf.Tensor): Generator<number, EncoderMaps> {
    return isStepped(this) ? yield* this.pieces(images) : this.call(images);
  }

  private *pieces(images: tf.Tensor): Generator<number, EncoderMaps> {
    const maps = yield* this.trunk.steps(images);
    try {
      const levels = this.named(() => this.neck.call(...maps));
      return {
        // Announced here too, for callers that step instead of calling.
        embedding: this.tap("", levels["2"]),
        "backbone_fpn.0": levels["0"],
        "backbone_fpn.1": levels["1"],
      };
    } finally {
      for (const map of maps) map.dispose();
    }
  }
}

const isStepped = keeps(Sam2ImageEncoder, "forward", "call");
