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
import { familyOf } from "../model/families.js";
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

/** Bytes of values that are held and written at most. */
const MOST_BYTES = 4e9;
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
        ? matchGlobs(familyOf(model.config).taps, names)
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
  const paths = [...model.namedLayers()].map(([path]) => path);
  const blockOf = new Map(
    matchGlobs(familyOf(model.config).gridBlocks, paths).map((path, n) => [`${path}.attn.scores`, n]),
  );
  const tensors = new Map<string, TracedTensor>();
  const attention = new Map<number, AttentionMap>();
  const blocks: TracedTensor[] = [];
  let embedding: TracedTensor | undefined;
  const result = await watch(
    model,
    (path) => [
      ...(taps.has(path) || path === EMBEDDING ? [WHOLE] : []),
      ...(blockOf.has(path) ? [ofCell, overHeads] : []),
    ],
    (path, value, pick) => {
      const block = blockOf.get(path);
      if (block !== undefined && pick === ofCell) attention.set(block, attentionMap(value, cell, grid));
      else if (block !== undefined && pick === overHeads) blocks[block] = value;
      else {
        if (path === EMBEDDING) embedding = value;
        if (taps.has(path)) tensors.set(path, value);
      }
    },
    predict,
  );
  const isWhole = attention.size > 0 && attention.size === blockOf.size;
  const rollout = isWhole ? attentionRollout(blocks, cell, grid) : undefined;
  return { result, tensors, attention, rollout, embedding };
}
