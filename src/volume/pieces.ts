import type { Vector3 } from "./vector.js";

/** Pieces of labels: voxels of one label that touch each other, at corners too. */
export interface Pieces {
  /** For each voxel the number of its piece, from 1 on in the order of their first voxels; 0 for background. */
  readonly numbers: Int32Array;
  /** Of piece `n + 1`: its label, and how many voxels it has. */
  readonly labels: readonly number[];
  readonly sizes: readonly number[];
}

/** Finds the pieces of a label volume; of a slice, where `size` has one. 26 neighbours touch, in a slice 8. */
export function piecesOf([width, height, depth]: Vector3, data: ArrayLike<number>): Pieces {
  const numbers = new Int32Array(width * height * depth);
  const labels: number[] = [];
  const sizes: number[] = [];
  const stack: number[] = [];
  for (let start = 0; start < numbers.length; start++) {
    const label = data[start];
    if (label === 0 || numbers[start] !== 0) continue;
    const number = labels.push(label);
    let size = 0;
    numbers[start] = number;
    stack.push(start);
    for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
      size++;
      const [x, y, z] = [i % width, Math.floor(i / width) % height, Math.floor(i / (width * height))];
      for (let k = Math.max(0, z - 1); k <= Math.min(depth - 1, z + 1); k++)
        for (let j = Math.max(0, y - 1); j <= Math.min(height - 1, y + 1); j++) {
          const row = (k * height + j) * width;
          for (let n = row + Math.max(0, x - 1); n <= row + Math.min(width - 1, x + 1); n++) {
            if (numbers[n] !== 0 || data[n] !== label) continue;
            numbers[n] = number;
            stack.push(n);
          }
        }
    }
    sizes.push(size);
  }
  return { numbers, labels, sizes };
}
