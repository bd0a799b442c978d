import type { Checkpoint } from "../weights/checkpoint.js";
import { toFloat32 } from "../weights/numbers.js";
import { weightDifference, type WeightDifference } from "./weightStatistics.js";

/** Two checkpoints, tensor by tensor, by state_dict path. */
export interface CheckpointComparison {
  /** Paths whose values are the same. */
  readonly same: readonly string[];
  readonly different: readonly (WeightDifference & {
    readonly path: string;
    readonly shape: readonly number[];
  })[];
  readonly misshapen: readonly {
    readonly path: string;
    readonly first: readonly number[];
    readonly second: readonly number[];
  }[];
  readonly onlyInFirst: readonly string[];
  readonly onlyInSecond: readonly string[];
}

/**
 * Compares the values of two open checkpoints, one tensor at a time, whatever their element types.
 *
 * @param onProgress told the share done.
 */
export function compareCheckpoints(
  first: Checkpoint,
  second: Checkpoint,
  onProgress?: (share: number) => void,
): CheckpointComparison {
  const same: string[] = [];
  const different: (WeightDifference & { path: string; shape: readonly number[] })[] = [];
  const misshapen: { path: string; first: readonly number[]; second: readonly number[] }[] = [];
  let done = 0;
  for (const [path, { shape, dtype }] of first.tensors) {
    onProgress?.(done++ / first.tensors.size);
    const other = second.tensors.get(path);
    if (other === undefined) continue;
    if (other.shape.join() !== shape.join()) {
      misshapen.push({ path, first: shape, second: other.shape });
      continue;
    }
    const difference = weightDifference(
      toFloat32(first.readBytes(path), dtype),
      toFloat32(second.readBytes(path), other.dtype),
    );
    if (difference.changed === 0) same.push(path);
    else different.push({ path, shape, ...difference });
  }
  const absent = (from: Checkpoint, to: Checkpoint) =>
    [...from.tensors.keys()].filter((path) => !to.tensors.has(path));
  return {
    same,
    different,
    misshapen,
    onlyInFirst: absent(first, second),
    onlyInSecond: absent(second, first),
  };
}
