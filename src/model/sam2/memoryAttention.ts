import type * as tf from "@tensorflow/tfjs";
import { Layer } from "../../layers/layer.js";
import { Linear } from "../../layers/linear.js";
import { LayerNorm } from "../../layers/norm.js";
import { RotaryAttention } from "../../layers/rotaryAttention.js";
import type { ParamScope } from "../../weights/paramScope.js";
import type { MemoryAttentionSizes } from "./config.js";

const EPS = 1e-5;

/** What earlier frames left: K tokens for each of B objects, of which the last `numObjPtrTokens` are object pointers. */
export interface MemoryTokens {
  /** [B, K, M]. */
  readonly memory: tf.Tensor;
  /** Their places in the frame and in time: [1, K, M]. */
  readonly memoryPos: tf.Tensor;
  readonly numObjPtrTokens: number;
}

/** Attention that is told how many keys have no place. */
export type PlacedAttention = Layer<[q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, numKExcludeRope?: number]>;

/**
 * One layer: the frame's tokens look at each other, then at the memory, then each by itself. [B, N, C] gives [B, N, C].
 *
 * @see sam2/modeling/memory_attention.py, `MemoryAttentionLayer`
 */
export class MemoryAttentionLayer extends Layer<[x: tf.Tensor, memory: MemoryTokens]> {
  selfAttn: PlacedAttention;
  crossAttnImage: PlacedAttention;
  linear1: Layer;
  linear2: Layer;
  norm1: Layer;
  norm2: Layer;
  norm3: Layer;

  constructor(params: ParamScope, dim: number, memoryDim: number, dimFeedforward: number) {
    super();
    const sizes = { embeddingDim: dim, numHeads: 1 };
    const norm = (name: string) => new LayerNorm(params.at(name), { dim, eps: EPS });
    this.selfAttn = new RotaryAttention(params.at("self_attn"), sizes);
    this.crossAttnImage = new RotaryAttention(params.at("cross_attn_image"), {
      ...sizes,
      kvInDim: memoryDim,
    });
    this.linear1 = new Linear(params.at("linear1"), { inFeatures: dim, outFeatures: dimFeedforward });
    this.linear2 = new Linear(params.at("linear2"), { inFeatures: dimFeedforward, outFeatures: dim });
    this.norm1 = norm("norm1");
    this.norm2 = norm("norm2");
    this.norm3 = norm("norm3");
  }

  forward(x: tf.Tensor, { memory, memoryPos, numObjPtrTokens }: MemoryTokens): tf.Tensor {
    const { selfAttn, crossAttnImage, linear2 } = this;
    const own = this.norm1.call(x);
    const seen = x.add(this.checked(selfAttn, selfAttn.call(own, own, own), x.shape));
    const asking = this.norm2.call(seen);
    const remembered = crossAttnImage.call(asking, memory.add(memoryPos), memory, numObjPtrTokens);
    const both = seen.add(this.checked(crossAttnImage, remembered, x.shape));
    const update = linear2.call(this.linear1.call(this.norm3.call(both)).relu());
    return both.add(this.checked(linear2, update, x.shape));
  }
}

/**
 * Conditions a frame on what earlier frames left: the frame's tokens and their positions, [B, N, C] and [1, N, C], and
 * the memory give [B, N, C].
 *
 * @see sam2/modeling/memory_attention.py, `MemoryAttention`
 */
export class MemoryAttention extends Layer<
  [current: tf.Tensor, currentPos: tf.Tensor, memory: MemoryTokens]
> {
  layers: Layer<[x: tf.Tensor, memory: MemoryTokens]>[];
  norm: Layer;

  constructor(params: ParamScope, dim: number, memoryDim: number, sizes: MemoryAttentionSizes) {
    super();
    this.layers = Array.from({ length: sizes.numLayers }, (_, index) => {
      const scope = params.at("layers").at(index);
      return new MemoryAttentionLayer(scope, dim, memoryDim, sizes.dimFeedforward);
    });
    this.norm = new LayerNorm(params.at("norm"), { dim, eps: EPS });
  }

  forward(current: tf.Tensor, currentPos: tf.Tensor, memory: MemoryTokens): tf.Tensor {
    this.tap("memory", memory.memory);
    this.tap("memory_pos", memory.memoryPos);
    const start = current.add(currentPos.mul(0.1));
    return this.norm.call(this.layers.reduce((x, layer) => layer.call(x, memory), start));
  }
}
