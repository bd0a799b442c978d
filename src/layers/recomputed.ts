import type * as tf from "@tensorflow/tfjs";
import { recompute } from "../ops/autograd.js";
import type { Parameter } from "../weights/paramScope.js";
import { Layer, type AnyLayer } from "./layer.js";

/**
 * A layer that frees its intermediates after the forward pass and computes them again in the backward pass. It stands
 * in the inner layer's place and cannot be seen in paths: `blocks[3] = new Recomputed(blocks[3], …)` leaves the names
 * of all parameters as they were.
 *
 * @see torch.utils.checkpoint
 */
export class Recomputed<Args extends tf.Tensor[]> extends Layer<Args> {
  private readonly trained: readonly tf.Variable[];

  /** @param trained parameters that gradients are wanted for; those of the layer that are not among them are constants. */
  constructor(
    readonly inner: Layer<Args>,
    trained: ReadonlySet<Parameter>,
  ) {
    super();
    this.layout = inner.layout;
    const own = [...inner.namedParameters().values()];
    this.trained = own.filter((parameter) => trained.has(parameter)).map(({ value }) => value);
  }

  override *children(): Generator<[name: string, child: AnyLayer]> {
    yield* this.inner.children();
  }

  override *namedLayers(path = ""): Generator<[path: string, layer: AnyLayer]> {
    yield* this.inner.namedLayers(path);
  }

  forward(...inputs: Args): tf.Tensor {
    return recompute((...given) => this.inner.call(...(given as Args)), inputs, this.trained);
  }
}
