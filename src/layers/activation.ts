import type { Tensor } from "@tensorflow/tfjs";
import { gelu } from "../ops/activation.js";
import { Layer } from "./layer.js";

/** Exact (erf) GELU, any shape. @see torch.nn.GELU */
export class Gelu extends Layer {
  forward(x: Tensor): Tensor {
    return gelu(x);
  }
}

/** `max(x, 0)`, any shape. @see torch.nn.ReLU */
export class Relu extends Layer {
  forward(x: Tensor): Tensor {
    return x.relu();
  }
}
