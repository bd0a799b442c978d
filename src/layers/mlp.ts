import type { Tensor } from "@tensorflow/tfjs";
import type { ParamScope } from "../weights/paramScope.js";
import { linearGelu } from "../ops/linear.js";
import { Gelu, Relu } from "./activation.js";
import { Layer } from "./layer.js";
import { Linear } from "./linear.js";

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
export class MlpBlock extends Layer {
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
    const { lin1, act, lin2 } = this;
    // Both at once where nothing between them is asked for or was replaced.
    if (lin1 instanceof Linear && act instanceof Gelu && !this.isWatched)
      return lin2.call(linearGelu(x, lin1.weight.value, lin1.bias.value));
    const hidden = lin1.call(x); // [..., hiddenDim]
    return lin2.call(this.checked(act, act.call(hidden), hidden.shape));
  }
}

/** Widths and depth of an `Mlp`. */
export interface MlpConfig {
  readonly inputDim: number;
  readonly hiddenDim: number;
  readonly outputDim: number;
  readonly numLayers: number;
}

/**
 * Head of the mask decoder: `numLayers` linear layers with ReLU between them. [..., inputDim] gives
 * [..., outputDim].
 *
 * @see segment_anything/modeling/mask_decoder.py, `MLP`
 */
export class Mlp extends Layer {
  layers: Layer[];
  act: Layer = new Relu();

  constructor(params: ParamScope, { inputDim, hiddenDim, outputDim, numLayers }: MlpConfig) {
    super();
    this.layers = Array.from({ length: numLayers }, (_, index) => {
      const inFeatures = index === 0 ? inputDim : hiddenDim;
      const outFeatures = index === numLayers - 1 ? outputDim : hiddenDim;
      return new Linear(params.at("layers").at(index), { inFeatures, outFeatures });
    });
  }

  forward(x: Tensor): Tensor {
    return this.layers.reduce(
      (value, layer, index) => layer.call(index === 0 ? value : this.act.call(value)),
      x,
    );
  }
}
