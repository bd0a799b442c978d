import * as tf from "@tensorflow/tfjs";
import { Gelu } from "../../layers/activation.js";
import { keeps } from "../../layers/exactly.js";
import { Layer } from "../../layers/layer.js";
import { Linear } from "../../layers/linear.js";
import { Mlp } from "../../layers/mlp.js";
import { maxPool, MultiScaleAttention } from "../../layers/multiScaleAttention.js";
import { LayerNorm } from "../../layers/norm.js";
import { PatchEmbed } from "../../layers/patchEmbed.js";
import { windowPartition, windowUnpartition } from "../../layers/windows.js";
import { resize } from "../../ops/resize.js";
import { ZEROS } from "../../weights/initial.js";
import type { Parameter, ParamScope } from "../../weights/paramScope.js";
import type { HieraSizes } from "./config.js";

const EPS = 1e-6;
const MLP_RATIO = 4;
const PATCH = { patchSize: 4, kernelSize: 7, padding: 3, inChannels: 3 } as const;

/** Sizes of a `MultiScaleBlock`. */
export interface MultiScaleBlockConfig {
  readonly dim: number;
  readonly dimOut: number;
  readonly numHeads: number;
  readonly mlpRatio: number;
  /** Side of the windows in tokens; 0 attends over the whole grid. */
  readonly windowSize: number;
  /** By how much the grid shrinks; default 1. */
  readonly qStride?: number;
}

/**
 * Transformer block on a grid of tokens that may shrink the grid and change the width: [B, H, W, dim] gives
 * [B, H/qStride, W/qStride, dimOut]. Where the width changes, the shortcut is a projection of the normed input.
 *
 * @see sam2/modeling/backbones/hieradet.py, `MultiScaleBlock`
 */
export class MultiScaleBlock extends Layer {
  norm1: Layer;
  attn: Layer;
  norm2: Layer;
  mlp: Layer;
  /** The shortcut's projection, where the width changes. */
  proj?: Layer;
  /** 0 attends over the whole grid. It may be changed. */
  windowSize: number;
  readonly qStride: number;
  private readonly dimOut: number;

  constructor(params: ParamScope, config: MultiScaleBlockConfig) {
    super();
    const { dim, dimOut, numHeads, mlpRatio, windowSize, qStride = 1 } = config;
    this.norm1 = new LayerNorm(params.at("norm1"), { dim, eps: EPS });
    this.attn = new MultiScaleAttention(params.at("attn"), { dim, dimOut, numHeads, qStride });
    this.norm2 = new LayerNorm(params.at("norm2"), { dim: dimOut, eps: EPS });
    this.mlp = new Mlp(params.at("mlp"), {
      inputDim: dimOut,
      hiddenDim: dimOut * mlpRatio,
      outputDim: dimOut,
      numLayers: 2,
      act: new Gelu(),
    });
    if (dim !== dimOut) this.proj = new Linear(params.at("proj"), { inFeatures: dim, outFeatures: dimOut });
    this.windowSize = windowSize;
    this.qStride = qStride;
    this.dimOut = dimOut;
  }

  forward(x: tf.Tensor): tf.Tensor {
    const { norm1, norm2, mlp, proj, qStride, dimOut } = this;
    const normed = this.checked(norm1, norm1.call(x), x.shape);
    const shortcut =
      proj === undefined
        ? x
        : maxPool(
            this.checked(proj, proj.call(normed), [...x.shape.slice(0, 3), dimOut]) as tf.Tensor4D,
            qStride,
          );
    const attended = shortcut.add(this.attend(normed, shortcut.shape));
    const again = this.checked(norm2, norm2.call(attended), attended.shape);
    return attended.add(this.checked(mlp, mlp.call(again), attended.shape));
  }

  /** @param expected shape of the result. */
  private attend(x: tf.Tensor, expected: readonly number[]): tf.Tensor {
    const { attn, windowSize, qStride, dimOut } = this;
    if (windowSize === 0) return this.checked(attn, attn.call(x), expected);
    const windows = windowPartition(x, windowSize); // [B·windows, size, size, dim]
    const side = Math.floor(windowSize / qStride);
    const attended = this.checked(attn, attn.call(windows), [windows.shape[0], side, side, dimOut]);
    return windowUnpartition(attended, [expected[1], expected[2]]);
  }
}

/** Maps of the stages, the finest first. */
export type StageMaps = readonly tf.Tensor[];

/**
 * The trunk of SAM 2's image encoder: images [B, S, S, 3] give the maps of its four stages, of which each has half the
 * rows and columns of the one before and twice the channels; the first [B, S/4, S/4, embedDim].
 *
 * @see sam2/modeling/backbones/hieradet.py, `Hiera`
 */
export class Hiera extends Layer<[images: tf.Tensor], Readonly<Record<string, tf.Tensor>>> {
  patchEmbed: Layer;
  /** [1, embedDim, h, w], stretched over the grid. */
  posEmbed: Parameter;
  /** [1, embedDim, window, window], the same in every window of the first stage. */
  posEmbedWindow: Parameter;
  blocks: Layer[];
  /** Last block of each stage. */
  private readonly stageEnds: ReadonlySet<number>;

  constructor(params: ParamScope, sizes: HieraSizes) {
    super();
    const { embedDim, stages, globalAttBlocks, windowPosEmbedBkgSpatialSize, windowSpec } = sizes;
    this.patchEmbed = new PatchEmbed(params.at("patch_embed"), { ...PATCH, embedDim });
    this.posEmbed = params.get("pos_embed", [1, embedDim, ...windowPosEmbedBkgSpatialSize], ZEROS);
    this.posEmbedWindow = params.get("pos_embed_window", [1, embedDim, windowSpec[0], windowSpec[0]], ZEROS);
    this.blocks = [];
    const ends: number[] = [];
    for (const [stage, depth] of stages.entries()) {
      for (let n = 0; n < depth; n++) {
        const index = this.blocks.length;
        const isFirst = n === 0 && stage > 0;
        const dimOut = embedDim * 2 ** stage;
        const windowSize = windowSpec[isFirst ? stage - 1 : stage];
        this.blocks.push(
          new MultiScaleBlock(params.at("blocks").at(index), {
            dim: isFirst ? dimOut / 2 : dimOut,
            dimOut,
            numHeads: sizes.numHeads * 2 ** stage,
            mlpRatio: MLP_RATIO,
            windowSize: globalAttBlocks.includes(index) ? 0 : windowSize,
            qStride: isFirst ? 2 : 1,
          }),
        );
      }
      ends.push(this.blocks.length - 1);
    }
    this.stageEnds = new Set(ends);
  }

  /** The stages' maps as `0`, `1` and so on. */
  forward(images: tf.Tensor): Readonly<Record<string, tf.Tensor>> {
    const steps = this.pieces(images);
    for (;;) {
      const step = steps.next();
      if (step.done) return Object.fromEntries(step.value.map((map, stage) => [String(stage), map]));
    }
  }

  /**
   * `forward`, pausing after each block: yields the share done, returns the maps. Leaving early frees what was
   * computed. A trunk with a `forward` of its own runs in one step.
   */
  *steps(images: tf.Tensor): Generator<number, StageMaps> {
    return isStepped(this) ? yield* this.pieces(images) : Object.values(this.call(images));
  }

  private *pieces(images: tf.Tensor): Generator<number, StageMaps> {
    const maps: tf.Tensor[] = [];
    let x = this.named(() => tf.tidy(() => this.stem(images)));
    let isMap = false;
    try {
      for (const [index, block] of this.blocks.entries()) {
        const next = this.named(() => block.call(x));
        if (!isMap) x.dispose();
        x = next;
        isMap = this.stageEnds.has(index);
        if (isMap) maps.push(x);
        yield (index + 1) / (this.blocks.length + 1);
      }
      return maps.splice(0);
    } finally {
      if (!isMap) x.dispose();
      for (const map of maps) map.dispose();
    }
  }

  private stem(images: tf.Tensor): tf.Tensor {
    const { patchEmbed, posEmbed } = this;
    const [batch, side] = images.shape;
    const grid = side / PATCH.patchSize;
    const patches = this.checked(patchEmbed, patchEmbed.call(images), [batch, grid, grid, posEmbed.shape[1]]);
    return this.tap("tokens", patches.add(this.positions(grid)));
  }

  /** Positions of a grid: a table stretched over it, and one that is repeated in every window. [1, grid, grid, C]. */
  private positions(grid: number): tf.Tensor {
    const [, dim, window] = this.posEmbedWindow.shape;
    const stretched = resize(this.posEmbed.value, [grid, grid], "bicubic"); // [1, C, grid, grid]
    const windows = grid / window;
    // A sum, because the gradient of `tile` is one slice and one addition a window.
    const rows = stretched.transpose([0, 2, 3, 1]).reshape([windows, window, windows, window * dim]);
    const repeated = this.posEmbedWindow.value.transpose([0, 2, 3, 1]).reshape([1, window, 1, window * dim]);
    return rows.add(repeated).reshape([1, grid, grid, dim]);
  }
}

const isStepped = keeps(Hiera, "forward", "call");
