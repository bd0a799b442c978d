import type { Tensor } from "@tensorflow/tfjs";
import { Relu } from "../layers/activation.js";
import { Layer } from "../layers/layer.js";
import { Mlp, MlpBlock } from "../layers/mlp.js";
import { LayerNorm } from "../layers/norm.js";
import { TokenAttention } from "../layers/tokenAttention.js";
import type { ParamScope } from "../weights/paramScope.js";

const EPS = 1e-5;

/** Sizes of a `TwoWayTransformer`. */
export interface TwoWayTransformerConfig {
  readonly depth: number;
  readonly embeddingDim: number;
  readonly numHeads: number;
  readonly mlpDim: number;
  /** The MLP's layers are `layers.0` and `layers.1`, as SAM 2 names them, and not `lin1` and `lin2`. Default false. */
  readonly mlpLayers?: boolean;
}

/** Tokens `queries` [B, N, C] and image `keys` [B, grid², C] after a block. */
export type TokensAndImage = Readonly<Record<"queries" | "keys", Tensor>>;

/** Any attention of tokens, `TokenAttention` unless replaced. */
export type Attention = Layer<[q: Tensor, k: Tensor, v: Tensor]>;

/**
 * One block: self-attention of the tokens, tokens to image, MLP on the tokens, image to tokens.
 * queries and queryPe [B, N, C], keys and keyPe [B, M, C].
 *
 * @see segment_anything/modeling/transformer.py, `TwoWayAttentionBlock`; the same in sam2/modeling/sam/transformer.py
 */
export class TwoWayAttentionBlock extends Layer<
  [queries: Tensor, keys: Tensor, queryPe: Tensor, keyPe: Tensor],
  TokensAndImage
> {
  selfAttn: Attention;
  norm1: Layer;
  crossAttnTokenToImage: Attention;
  norm2: Layer;
  mlp: Layer;
  norm3: Layer;
  norm4: Layer;
  crossAttnImageToToken: Attention;
  /** The first block replaces the tokens by their self-attention: no positions, no residual. */
  readonly skipFirstLayerPe: boolean;

  constructor(
    params: ParamScope,
    { embeddingDim, numHeads, mlpDim, mlpLayers = false }: TwoWayTransformerConfig,
    skipFirstLayerPe: boolean,
  ) {
    super();
    const norm = (name: string) => new LayerNorm(params.at(name), { dim: embeddingDim, eps: EPS });
    const cross = { embeddingDim, numHeads, downsampleRate: 2 };
    this.selfAttn = new TokenAttention(params.at("self_attn"), { embeddingDim, numHeads });
    this.norm1 = norm("norm1");
    this.crossAttnTokenToImage = new TokenAttention(params.at("cross_attn_token_to_image"), cross);
    this.norm2 = norm("norm2");
    const mlp = params.at("mlp");
    this.mlp = mlpLayers
      ? new Mlp(mlp, {
          inputDim: embeddingDim,
          hiddenDim: mlpDim,
          outputDim: embeddingDim,
          numLayers: 2,
        })
      : new MlpBlock(mlp, { dim: embeddingDim, hiddenDim: mlpDim, act: new Relu() });
    this.norm3 = norm("norm3");
    this.norm4 = norm("norm4");
    this.crossAttnImageToToken = new TokenAttention(params.at("cross_attn_image_to_token"), cross);
    this.skipFirstLayerPe = skipFirstLayerPe;
  }

  forward(queries: Tensor, keys: Tensor, queryPe: Tensor, keyPe: Tensor): TokensAndImage {
    // Whatever attends gives a token for each query.
    const attend = (attention: Attention, q: Tensor, k: Tensor, v: Tensor) =>
      this.checked(attention, attention.call(q, k, v), q.shape);
    let tokens = queries;
    if (this.skipFirstLayerPe) {
      tokens = attend(this.selfAttn, tokens, tokens, tokens);
    } else {
      const q = tokens.add(queryPe);
      tokens = tokens.add(attend(this.selfAttn, q, q, tokens));
    }
    tokens = this.norm1.call(tokens);

    const image = keys.add(keyPe);
    tokens = tokens.add(attend(this.crossAttnTokenToImage, tokens.add(queryPe), image, keys));
    tokens = this.norm2.call(tokens);

    tokens = this.norm3.call(tokens.add(this.checked(this.mlp, this.mlp.call(tokens), tokens.shape)));

    const attended = keys.add(attend(this.crossAttnImageToToken, image, tokens.add(queryPe), tokens));
    return { queries: tokens, keys: this.norm4.call(attended) };
  }
}

/**
 * Attention between prompt tokens and image, both ways. The image and its positions [B, grid², C], tokens
 * [B, N, C] (also their own positions).
 *
 * @see segment_anything/modeling/transformer.py, `TwoWayTransformer`; the same in sam2/modeling/sam/transformer.py
 */
export class TwoWayTransformer extends Layer<
  [image: Tensor, imagePe: Tensor, tokens: Tensor],
  TokensAndImage
> {
  layers: TwoWayAttentionBlock[];
  finalAttnTokenToImage: Attention;
  normFinalAttn: Layer;

  constructor(params: ParamScope, config: TwoWayTransformerConfig) {
    super();
    const { depth, embeddingDim, numHeads } = config;
    this.layers = Array.from({ length: depth }, (_, index) => {
      return new TwoWayAttentionBlock(params.at("layers").at(index), config, index === 0);
    });
    this.finalAttnTokenToImage = new TokenAttention(params.at("final_attn_token_to_image"), {
      embeddingDim,
      numHeads,
      downsampleRate: 2,
    });
    this.normFinalAttn = new LayerNorm(params.at("norm_final_attn"), { dim: embeddingDim, eps: EPS });
  }

  forward(image: Tensor, imagePe: Tensor, tokens: Tensor): TokensAndImage {
    let [queries, keys] = [tokens, image];
    for (const layer of this.layers) ({ queries, keys } = layer.call(queries, keys, tokens, imagePe));
    const attended = this.finalAttnTokenToImage.call(queries.add(tokens), keys.add(imagePe), keys);
    return { queries: this.normFinalAttn.call(queries.add(attended)), keys };
  }
}
