import type { Tensor } from "@tensorflow/tfjs";
import type { ParamScope } from "../weights/paramScope.js";
import { linearGelu } from "../ops/linear.js";
import { Gelu, Relu } from "./activation.js";
import { exactly } from "./exactly.js";
import { Layer } from "./layer.js";
import { Linear } from "./linear.js";

const isLinear = exactly(Linear);
const isGelu = exactly(Gelu);

/** What feed-forward blocks share: a linear layer with an activation after it. */
export abstract class FeedForward extends Layer {
  /** `act(linear(x))`; both at once where nothing between them is asked for or was replaced. */
  protected activated(linear: Layer, act: Layer, x: Tensor): Tensor {
    if (isLinear(linear) && isGelu(act) && !this.isWatched)
      return linearGelu(x, linear.weight.value, linear.bias.value);
    const hidden = linear.call(x);
    return this.checked(act, act.call(hidden), hidden.shape);
  }
}

/** Widths of an `MlpBlock`, and what lies between its layers. */
export interface MlpBlockConfig {
  readonly dim: number;
  readonly hiddenDim: number;
  readonly act: Layer;
}

/**
 * Feed-forward block of a transformer: `lin2(act(lin1(x)))`. [..., dim] gives [..., dim]. The image encoder
 * takes GELU, the mask decoder ReLU.
 *
 * @see segment_anything/modeling/common.py, `MLPBlock`
 */
export class MlpBlock extends FeedForward {
  lin1: Layer;
  lin2: Layer;
  act: Layer;

  constructor(params: ParamScope, { dim, hiddenDim, act }: MlpBlockConfig) {
    super();
    this.lin1 = new Linear(params.at("lin1"), { inFeatures: dim, outFeatures: hiddenDim });
    this.lin2 = new Linear(params.at("lin2"), { inFeatures: hiddenDim, outFeatures: dim });
    this.act = act;
  }

  forward(x: Tensor): Tensor {
    return this.lin2.call(this.activated(this.lin1, this.act, x));
  }
}

/** Widths and depth of an `Mlp`. */
export interface MlpConfig {
  readonly inputDim: number;
  readonly hiddenDim: number;
  readonly outputDim: number;
  readonly numLayers: number;
  /** What lies between its layers; default ReLU. */
  readonly act?: Layer;
  /** Ends with a sigmoid. Default false. */
  readonly sigmoidOutput?: boolean;
}

/**
 * `numLayers` linear layers with an activation between them: heads of the mask decoder, and the feed-forward blocks
 * of SAM 2. [..., inputDim] gives [..., outputDim].
 *
 * @see segment_anything/modeling/mask_decoder.py, `MLP`; sam2/modeling/sam2_utils.py, `MLP`
 */
export class Mlp extends FeedForward {
  layers: Layer[];
  act: Layer;
  readonly sigmoidOutput: boolean;

  constructor(params: ParamScope, config: MlpConfig) {
    super();
    const { inputDim, hiddenDim, outputDim, numLayers, act = new Relu(), sigmoidOutput = false } = config;
    this.layers = Array.from({ length: numLayers }, (_, index) => {
      const inFeatures = index === 0 ? inputDim : hiddenDim;
      const outFeatures = index === numLayers - 1 ? outputDim : hiddenDim;
      return new Linear(params.at("layers").at(index), { inFeatures, outFeatures });
    });
    this.act = act;
    this.sigmoidOutput = sigmoidOutput;
  }

  forward(x: Tensor): Tensor {
    const last = this.layers.length - 1;
    const hidden = this.layers
      .slice(0, last)
      .reduce((value, layer) => this.activated(layer, this.act, value), x);
    const out = this.layers[last].call(hidden);
    return this.sigmoidOutput ? out.sigmoid() : out;
  }
}
