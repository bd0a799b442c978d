import * as tf from "@tensorflow/tfjs";
import { Gelu } from "../layers/activation.js";
import { Conv2d } from "../layers/convolution.js";
import { Embedding } from "../layers/embedding.js";
import { FourierPositions } from "../layers/fourierPositions.js";
import { Layer } from "../layers/layer.js";
import { LayerNorm2d } from "../layers/norm.js";
import { MapSequential } from "../layers/sequential.js";
import type { ParamScope } from "../weights/paramScope.js";
import { gridSize, type SamConfig } from "./config.js";

/** Prompts of B masks, in the frame of the encoder's input (pixels of the `imageSize` square). All optional. */
export interface Prompts {
  /** [B, n, 2], (x, y). */
  readonly pointCoords?: tf.Tensor;
  /**
   * [B, n], 1 foreground, 0 background, -1 no point (padding); 2 and 3 the top left and the bottom right corner of a
   * box, which is how SAM 2 takes boxes.
   */
  readonly pointLabels?: tf.Tensor;
  /** [B, 4], (x0, y0, x1, y1). */
  readonly boxes?: tf.Tensor;
  /** [B, 4·grid, 4·grid, 1], logits of an earlier prediction. */
  readonly maskInputs?: tf.Tensor;
}

/** What the prompt encoder needs of a configuration. */
export type PromptEncoderConfig = Pick<
  SamConfig,
  "imageSize" | "patchSize" | "promptEmbedDim" | "maskInChans"
>;

/** `sparse` [B, n, C], a token a point and two a box; `dense` [B, grid, grid, C], the mask prompt. */
export type PromptEmbeddings = Readonly<Record<"sparseEmbeddings" | "denseEmbeddings", tf.Tensor>>;

/**
 * Turns points, boxes and masks into tokens and a map.
 *
 * @see segment_anything/modeling/prompt_encoder.py, `PromptEncoder`; sam2/modeling/sam/prompt_encoder.py
 */
export class PromptEncoder extends Layer<[prompts: Prompts], PromptEmbeddings> {
  override readonly mapOutputs = ["dense_embeddings"];
  peLayer: FourierPositions;
  /** Background point, foreground point, top left corner, bottom right corner: [1, C] each. */
  pointEmbeddings: Layer<[]>[];
  notAPointEmbed: Layer<[]>;
  maskDownscaling: Layer;
  noMaskEmbed: Layer<[]>;
  readonly grid: number;
  readonly imageSize: number;

  constructor(params: ParamScope, config: PromptEncoderConfig) {
    super();
    const { promptEmbedDim: dim, maskInChans } = config;
    this.grid = gridSize(config);
    this.imageSize = config.imageSize;
    this.peLayer = new FourierPositions(params.at("pe_layer"), { dim });
    const vector = (scope: ParamScope) => new Embedding(scope, { count: 1, dim });
    this.pointEmbeddings = [0, 1, 2, 3].map((index) => vector(params.at("point_embeddings").at(index)));
    this.notAPointEmbed = vector(params.at("not_a_point_embed"));
    this.noMaskEmbed = vector(params.at("no_mask_embed"));
    const mask = params.at("mask_downscaling");
    const quarter = maskInChans / 4;
    const halving = { kernelSize: 2, stride: 2 };
    this.maskDownscaling = new MapSequential([
      new Conv2d(mask.at(0), { ...halving, inChannels: 1, outChannels: quarter }),
      new LayerNorm2d(mask.at(1), { dim: quarter }),
      new Gelu(),
      new Conv2d(mask.at(3), { ...halving, inChannels: quarter, outChannels: maskInChans }),
      new LayerNorm2d(mask.at(4), { dim: maskInChans }),
      new Gelu(),
      new Conv2d(mask.at(6), { inChannels: maskInChans, outChannels: dim, kernelSize: 1 }),
    ]);
  }

  forward({ pointCoords, pointLabels, boxes, maskInputs }: Prompts): PromptEmbeddings {
    const batch = (pointCoords ?? boxes ?? maskInputs)?.shape[0] ?? 1;
    const sparse: tf.Tensor[] = [];
    if (pointCoords !== undefined && pointLabels !== undefined)
      sparse.push(this.embedPoints(pointCoords, pointLabels, boxes === undefined));
    if (boxes !== undefined) sparse.push(this.embedBoxes(boxes));
    const [, dim] = this.noMaskEmbed.call().shape;
    return {
      sparseEmbeddings: sparse.length > 0 ? tf.concat(sparse, 1) : tf.zeros([batch, 0, dim]),
      denseEmbeddings: this.embedMasks(maskInputs, batch),
    };
  }

  /** Positions of the embedding's cells, [1, grid, grid, C]. @see `get_dense_pe` */
  densePe(): tf.Tensor {
    return tf.tidy(() => {
      const positions = this.peLayer.grid([this.grid, this.grid]).expandDims(0);
      return this.tap("dense_pe", positions, (map) => map.transpose([0, 3, 1, 2]));
    });
  }

  private embedPoints(coords: tf.Tensor, labels: tf.Tensor, pad: boolean): tf.Tensor {
    let centres = coords.add(0.5);
    let kinds = labels;
    if (pad) {
      // Without a box, SAM always sees one more point that is none, at exactly (0, 0).
      const [batch] = coords.shape;
      centres = tf.concat([centres, tf.zeros([batch, 1, 2])], 1);
      kinds = tf.concat([kinds, tf.fill([batch, 1], -1)], 1);
    }
    const where = (label: number) => kinds.equal(label).cast("float32").expandDims(2); // [B, n, 1]
    const none = where(-1);
    const positions = this.peLayer.call(centres.div(this.imageSize)).mul(tf.sub(1, none));
    return this.pointEmbeddings.reduce(
      (sum, embedding, label) => sum.add(where(label).mul(embedding.call())),
      positions.add(none.mul(this.notAPointEmbed.call())),
    );
  }

  private embedBoxes(boxes: tf.Tensor): tf.Tensor {
    const corners = boxes.reshape([-1, 2, 2]).add(0.5);
    const kinds = tf.concat([this.pointEmbeddings[2].call(), this.pointEmbeddings[3].call()], 0); // [2, C]
    return this.peLayer.call(corners.div(this.imageSize)).add(kinds); // [B, 2, C]
  }

  private embedMasks(masks: tf.Tensor | undefined, batch: number): tf.Tensor {
    if (masks !== undefined) return this.maskDownscaling.call(masks);
    const none = this.noMaskEmbed.call(); // [1, C]
    // A sum, because the gradient of `tile` is one slice and one addition a cell.
    return tf.zeros([batch, this.grid, this.grid, 1]).add(none.reshape([1, 1, 1, -1]));
  }
}
