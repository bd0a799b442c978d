import type { Tensor } from "@tensorflow/tfjs";
import { NORMAL } from "../weights/initial.js";
import type { Parameter, ParamScope } from "../weights/paramScope.js";
import { Layer } from "./layer.js";

/** A table of learned vectors, [count, dim]; calling it gives the whole table. @see torch.nn.Embedding */
export class Embedding extends Layer<[]> {
  weight: Parameter;

  constructor(params: ParamScope, { count, dim }: { readonly count: number; readonly dim: number }) {
    super();
    this.weight = params.get("weight", [count, dim], NORMAL);
  }

  forward(): Tensor {
    return this.weight.value.clone();
  }
}
