import type { Tensor } from "@tensorflow/tfjs";
import { Layer, type AnyLayer } from "./layer.js";

/**
 * Layers one after the other on maps [B, h, w, C]; their indices are their names. A layer at an index may be
 * replaced: `neck.layers[1] = …`.
 *
 * @see torch.nn.Sequential
 */
export class MapSequential<Args extends readonly [Tensor, ...unknown[]] = [x: Tensor]> extends Layer<Args> {
  constructor(readonly layers: Layer[]) {
    super();
    this.layout = "nhwc";
    for (const layer of layers) layer.layout = "nhwc";
  }

  override *children(): Generator<[name: string, child: AnyLayer]> {
    for (const [index, layer] of this.layers.entries()) yield [String(index), layer];
  }

  forward(...[x]: Args): Tensor {
    return this.layers.reduce((value, layer) => layer.call(value), x);
  }
}
