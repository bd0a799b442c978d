import * as tf from "@tensorflow/tfjs";
import { Conv2d } from "../../layers/convolution.js";
import { Embedding } from "../../layers/embedding.js";
import type { Layer } from "../../layers/layer.js";
import { Mlp } from "../../layers/mlp.js";
import { withoutGradient } from "../../ops/autograd.js";
import { choice } from "../../ops/choose.js";
import type { ParamScope } from "../../weights/paramScope.js";
import {
  AnyMaskDecoder,
  type AllPredictions,
  type MaskDecoderConfig,
  type MaskDecoderInput,
  type MaskPredictions,
} from "../maskDecoder.js";

/** A logit is clear when it is this far from the threshold 0. */
const STABILITY_DELTA = 0.05;
/** A mask of which this share is clear is stable. */
const STABILITY_THRESHOLD = 0.98;

/**
 * Besides masks and scores, `samTokensOut` [B, M, C], the decoder's output tokens that object pointers are made of, and
 * `objectScoreLogits` [B, 1], positive where the object is in the image.
 */
export type Sam2MaskPredictions = MaskPredictions &
  Readonly<Record<"samTokensOut" | "objectScoreLogits", tf.Tensor>>;

/**
 * SAM's mask decoder with a token for whether the object is there at all, finer maps of the image, and a way out where
 * the single mask is not stable: the best of the others then.
 *
 * @see sam2/modeling/sam/mask_decoder.py, `MaskDecoder`
 */
export class Sam2MaskDecoder extends AnyMaskDecoder<Sam2MaskPredictions> {
  objScoreToken: Layer<[]>;
  predObjScoreHead: Layer;
  /** Finest map of the image encoder to the width that the upscaling takes. */
  convS0: Layer;
  /** The next finest. */
  convS1: Layer;

  constructor(params: ParamScope, config: MaskDecoderConfig) {
    super(params, config, { mlpLayers: true, iouPredictionUseSigmoid: true });
    const { promptEmbedDim: dim } = config;
    const pointwise = (name: string, outChannels: number) =>
      new Conv2d(params.at(name), { inChannels: dim, outChannels, kernelSize: 1 });
    this.objScoreToken = new Embedding(params.at("obj_score_token"), { count: 1, dim });
    this.predObjScoreHead = new Mlp(params.at("pred_obj_score_head"), {
      inputDim: dim,
      hiddenDim: dim,
      outputDim: 1,
      numLayers: 3,
    });
    this.convS0 = pointwise("conv_s0", dim / 8);
    this.convS1 = pointwise("conv_s1", dim / 4);
  }

  protected override leadingTokens(): readonly tf.Tensor[] {
    return [this.objScoreToken.call()];
  }

  forward(input: MaskDecoderInput): Sam2MaskPredictions {
    const all = this.predictAll(input);
    const { queries } = all;
    const [batch, , dim] = queries.shape;
    const several = this.outputHypernetworksMlps.length - 1;
    // Tokens: object score, scores, single mask, the others.
    const [first, count] = input.multimaskOutput ? [3, several] : [2, 1];
    return {
      ...(input.multimaskOutput
        ? {
            masks: all.masks.slice([0, 1], [-1, several]),
            iouPredictions: all.iouPredictions.slice([0, 1], [-1, several]),
          }
        : singleMask(all, input.dynamicMultimask ?? true)),
      samTokensOut: queries.slice([0, first], [-1, count]),
      objectScoreLogits: this.predObjScoreHead.call(queries.slice([0, 0], [-1, 1]).reshape([batch, dim])),
    };
  }
}

/** The single mask, or where it is not stable, with `dynamic`, the one of the others with the best score. */
function singleMask({ masks, iouPredictions }: AllPredictions, dynamic: boolean): MaskPredictions {
  const [batch, count] = iouPredictions.shape;
  if (!dynamic)
    return {
      masks: masks.slice([0, 0], [-1, 1]),
      iouPredictions: iouPredictions.slice([0, 0], [-1, 1]),
    };
  const weights = withoutGradient(() => {
    const single = masks.slice([0, 0], [-1, 1]).reshape([batch, -1]);
    const above = (threshold: number) => single.greater(threshold).sum(1); // [B]
    const [inner, outer] = [above(STABILITY_DELTA), above(-STABILITY_DELTA)].map((n) => n.cast("float32"));
    const share = inner.div(outer.maximum(1));
    const isStable = share.greaterEqual(STABILITY_THRESHOLD).logicalOr(outer.equal(0)).cast("int32");
    const best = iouPredictions
      .slice([0, 1], [-1, count - 1])
      .argMax(1)
      .add(1); // [B], of all
    return choice(best.mul(tf.sub(1, isStable)), count); // [B, count]
  });
  return {
    masks: masks.mul(weights.reshape([batch, count, 1, 1])).sum(1, true),
    iouPredictions: iouPredictions.mul(weights).sum(1, true),
  };
}
