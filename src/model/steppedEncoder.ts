import * as tf from "@tensorflow/tfjs";
import { Conv2d } from "../layers/convolution.js";
import { keeps } from "../layers/exactly.js";
import { Layer } from "../layers/layer.js";
import { LayerNorm2d } from "../layers/norm.js";
import { MapSequential } from "../layers/sequential.js";
import type { ParamScope } from "../weights/paramScope.js";

/**
 * An image encoder as `Sam` and the predictor use it: a stem, stages one after the other, a neck. Images
 * [B, S, S, 3] give embeddings [B, grid, grid, C]. Any layer of this type may be a model's `imageEncoder`.
 */
export abstract class SteppedEncoder extends Layer {
  override layout = "nhwc" as const;
  abstract neck: Layer;

  /** Images to the first stage's input. */
  protected abstract stem(images: tf.Tensor): tf.Tensor;
  /** What runs between stem and neck, in order. */
  protected abstract stages(): readonly Layer[];

  forward(images: tf.Tensor): tf.Tensor {
    const steps = this.pieces(images);
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
    }
  }

  /**
   * `call`, pausing after each stage, so that a caller can show progress or stop: yields the share done,
   * returns the embeddings. Only the current activation is alive between steps; leaving early frees it. An encoder
   * with a `forward` of its own runs in one step.
   */
  *steps(images: tf.Tensor): Generator<number, tf.Tensor> {
    return isStepped(this) ? yield* this.pieces(images) : this.call(images);
  }

  private *pieces(images: tf.Tensor): Generator<number, tf.Tensor> {
    let x = this.named(() => tf.tidy(() => this.stem(images)));
    try {
      const stages = this.stages();
      for (const [index, stage] of stages.entries()) {
        const next = this.named(() => stage.call(x));
        x.dispose();
        x = next;
        yield (index + 1) / (stages.length + 1);
      }
      // Announced here too, for callers that step instead of calling.
      return this.tap("", this.neck.call(x));
    } finally {
      x.dispose();
    }
  }
}

const isStepped = keeps(SteppedEncoder, "forward", "call");

/**
 * From the width of the transformer to that of the decoder: two convolutions, each with a norm, no activation.
 * [B, h, w, inChannels] gives [B, h, w, outChannels].
 *
 * @see segment_anything/modeling/image_encoder.py, `ImageEncoderViT.neck`
 */
export function makeNeck(params: ParamScope, inChannels: number, outChannels: number): Layer {
  return new MapSequential([
    new Conv2d(params.at(0), { inChannels, outChannels, kernelSize: 1, bias: false }),
    new LayerNorm2d(params.at(1), { dim: outChannels }),
    new Conv2d(params.at(2), {
      inChannels: outChannels,
      outChannels,
      kernelSize: 3,
      padding: 1,
      bias: false,
    }),
    new LayerNorm2d(params.at(3), { dim: outChannels }),
  ]);
}
