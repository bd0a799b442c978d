import * as tf from "@tensorflow/tfjs";
import { Conv2d } from "../../layers/convolution.js";
import { Layer, type AnyLayer } from "../../layers/layer.js";
import { SinePositions } from "../../layers/sinePositions.js";
import type { ParamScope } from "../../weights/paramScope.js";
import type { StageMaps } from "./hiera.js";

/** Levels that are added to from the coarser one; the finer ones stay as their stage gave them. */
const TOP_DOWN_LEVELS = [2, 3];

/**
 * Brings the maps of all stages to one width: maps [B, h, w, C] of stages 0, 1, … give levels `0`, `1`, … of
 * [B, h, w, dim]. The coarsest is left out (`scalp` upstream); it stays in the one before.
 *
 * @see sam2/modeling/backbones/image_encoder.py, `FpnNeck`
 */
export class FpnNeck extends Layer<[...maps: tf.Tensor[]], Readonly<Record<string, tf.Tensor>>> {
  override readonly mapOutputs: readonly string[];
  /** The coarsest stage's first. */
  convs: Layer[];
  positionEncoding: Layer<[size: readonly [height: number, width: number]]>;

  /** @param widths of the stages. */
  constructor(params: ParamScope, widths: readonly number[], dim: number) {
    super();
    this.mapOutputs = widths.slice(1).map((_, level) => String(level));
    this.convs = widths.toReversed().map((inChannels, index) => {
      const config = { inChannels, outChannels: dim, kernelSize: 1 };
      return new Conv2d(params.at("convs").at(index).at("conv"), config);
    });
    this.positionEncoding = new SinePositions(dim);
  }

  override *children(): Generator<[name: string, child: AnyLayer]> {
    for (const [index, conv] of this.convs.entries()) yield [`convs.${index}.conv`, conv];
    yield ["position_encoding", this.positionEncoding];
  }

  forward(...maps: StageMaps): Readonly<Record<string, tf.Tensor>> {
    const levels: Record<string, tf.Tensor> = {};
    let coarser: tf.Tensor | undefined;
    for (const [index, conv] of this.convs.entries()) {
      const level = maps.length - 1 - index;
      const lateral = conv.call(maps[level]);
      coarser =
        coarser !== undefined && TOP_DOWN_LEVELS.includes(level)
          ? lateral.add(twiceAsFine(coarser))
          : lateral;
      if (index > 0) levels[String(level)] = coarser;
    }
    return levels;
  }
}

/** Every cell as 2 x 2 cells: [B, h, w, C] gives [B, 2h, 2w, C] (`interpolate(scale_factor=2, mode="nearest")`). */
function twiceAsFine(map: tf.Tensor): tf.Tensor {
  const [batch, height, width, channels] = map.shape;
  const cells = map.reshape([batch * height, 1, width, 1, channels]);
  // A sum with zeros, whose gradient is one sum.
  return cells.add(tf.zeros([1, 2, 1, 2, 1])).reshape([batch, 2 * height, 2 * width, channels]);
}
