import {
  attentionMap,
  attentionOfCell,
  attentionOverHeads,
  attentionRollout,
  type AttentionMap,
  type GridCell,
} from "../inspect/attention.js";
import { summariseModel, type ValueSummary } from "../inspect/modelSummary.js";
import { watch, WHOLE, type TracedTensor } from "../inspect/trace.js";
import { matchAllGlobs, matchGlobs } from "../layers/glob.js";
import { gridSize } from "../model/config.js";
import type { PromptableModel } from "../model/promptableModel.js";
import { sizeOf } from "../weights/checkpoint.js";
import { messageOf, UsageError } from "./errors.js";
import { short } from "./format.js";

/** What a trace collects. */
export interface Collected {
  /** The values that were asked for. */
  readonly tensors: ReadonlyMap<string, TracedTensor>;
  /** Where the query looks, by block: of those whose attention tells. */
  readonly attention: ReadonlyMap<number, AttentionMap>;
  /** On the grid; nothing when a block's attention does not tell. */
  readonly rollout: Float32Array | undefined;
  readonly embedding: TracedTensor | undefined;
}

const DEFAULT_TAPS = [
  "image_encoder.blocks.*",
  "image_encoder.layers.*",
  "image_encoder",
  "mask_decoder.all_masks",
];
/** Bytes of values that are held and written at most. */
const MOST_BYTES = 4e9;
const SCORES = /^image_encoder\.blocks\.(\d+)\.attn\.scores$/;
const EMBEDDING = "image_encoder";

/**
 * The paths of the values that the patterns name, before anything is computed.
 *
 * @throws UsageError for a pattern that matches nothing, with the nearest names, or for more than fits.
 */
export function chooseTaps(
  model: PromptableModel,
  patterns: readonly string[] | undefined,
): ReadonlySet<string> {
  const { values } = summariseModel(model);
  const names = values.map(({ path }) => path);
  let chosen: Set<string>;
  try {
    chosen = new Set(
      patterns === undefined
        ? matchGlobs(DEFAULT_TAPS, names)
        : matchAllGlobs(patterns, names, "layer or named value"),
    );
  } catch (error) {
    throw new UsageError(`--tap ${messageOf(error)}; all names: medsam inspect`);
  }
  assertFits(values.filter(({ path }) => chosen.has(path)));
  return chosen;
}

function assertFits(values: readonly ValueSummary[]): void {
  const bytesOf = ({ shape }: ValueSummary) => 4 * sizeOf(shape);
  const total = values.reduce((sum, value) => sum + bytesOf(value), 0);
  if (total <= MOST_BYTES) return;
  const largest = values.reduce((most, value) => (bytesOf(value) > bytesOf(most) ? value : most));
  throw new UsageError(
    `--tap: ${values.length} values of ${short(total, "B")} together; at most ${short(MOST_BYTES, "B")} are written. ` +
      `Name fewer of them: ${largest.path} alone takes ${short(bytesOf(largest), "B")}`,
  );
}

/** Runs `predict` and collects what it computes. @param cell of the encoder's grid, whose attention is wanted. */
export async function collect<T>(
  model: PromptableModel,
  taps: ReadonlySet<string>,
  cell: GridCell,
  predict: () => Promise<T>,
): Promise<Collected & { readonly result: T }> {
  const side = gridSize(model.config);
  const grid = { height: side, width: side };
  const [ofCell, overHeads] = [attentionOfCell(cell, grid), attentionOverHeads(grid)];
  const tensors = new Map<string, TracedTensor>();
  const attention = new Map<number, AttentionMap>();
  const blocks: TracedTensor[] = [];
  let embedding: TracedTensor | undefined;
  const result = await watch(
    model,
    (path) => [
      ...(taps.has(path) || path === EMBEDDING ? [WHOLE] : []),
      ...(SCORES.test(path) ? [ofCell, overHeads] : []),
    ],
    (path, value, pick) => {
      const block = Number(SCORES.exec(path)?.[1]);
      if (pick === ofCell) attention.set(block, attentionMap(value, cell, grid));
      else if (pick === overHeads) blocks[block] = value;
      else {
        if (path === EMBEDDING) embedding = value;
        if (taps.has(path)) tensors.set(path, value);
      }
    },
    predict,
  );
  const depth = [...model.imageEncoder.children()].filter(([name]) => name.startsWith("blocks.")).length;
  const isWhole = depth > 0 && attention.size === depth;
  const rollout = isWhole ? attentionRollout(blocks, cell, grid) : undefined;
  return { result, tensors, attention, rollout, embedding };
}
