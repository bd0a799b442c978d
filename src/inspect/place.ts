import type { GridCell } from "./attention.js";
import type { Cover } from "./heatmap.js";

/** A pixel's cell of the encoder's grid, and how much of the grid its image covers. */
export interface Place {
  readonly cell: GridCell;
  readonly cover: Cover;
}

/**
 * Where a pixel of an image lies on the encoder's grid.
 *
 * @param frame how the image lies in the encoder's square input, see `prepareImage`.
 * @param side of the grid, in cells.
 */
export function placeOnGrid(
  [x, y]: readonly [x: number, y: number],
  frame: {
    readonly imageSize: readonly [height: number, width: number];
    readonly inputSize: readonly [height: number, width: number];
    readonly side: number;
  },
  side: number,
): Place {
  const { imageSize, inputSize, side: input } = frame;
  const cover = { height: (inputSize[0] / input) * side, width: (inputSize[1] / input) * side };
  const cellAt = (at: number, of: number, cells: number) =>
    Math.min(Math.floor((at / of) * cells), Math.ceil(cells) - 1);
  return {
    cover,
    cell: { row: cellAt(y, imageSize[0], cover.height), column: cellAt(x, imageSize[1], cover.width) },
  };
}
