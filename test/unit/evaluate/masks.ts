import type { VoxelMask } from "../../../src/evaluate/voxelMask.js";
import type { Vector3 } from "../../../src/volume/vector.js";

/** A mask of the voxels for which `inside` holds. */
export function voxelMask(
  size: Vector3,
  inside: (x: number, y: number, z: number) => boolean,
): VoxelMask & { size: Vector3 } {
  const [width, height, depth] = size;
  const data = new Uint8Array(width * height * depth);
  for (let z = 0, i = 0; z < depth; z++)
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++, i++) data[i] = inside(x, y, z) ? 1 : 0;
  return { size, data };
}

/** Voxels from `low` up to but not including `high`. */
export const block = (size: Vector3, low: Vector3, high: Vector3): VoxelMask =>
  voxelMask(size, (...at) => at.every((place, axis) => place >= low[axis] && place < high[axis]));

/** A random mask out of a few shapes, some at the border, some empty; the same for the same numbers. */
export function randomMask(size: Vector3, random: () => number): VoxelMask {
  const kind = Math.floor(random() * 6);
  const within = (axis: number) => random() * size[axis];
  const centre: Vector3 = [within(0), within(1), within(2)];
  const radius = size.map((side) => 0.5 + (random() * side) / 2);
  const ellipsoid = (x: number, y: number, z: number) =>
    [x, y, z].reduce((sum, place, axis) => sum + ((place - centre[axis]) / radius[axis]) ** 2, 0) <= 1;
  if (kind === 0) return voxelMask(size, () => false);
  if (kind === 1) return voxelMask(size, () => random() < 0.2);
  if (kind === 2) return voxelMask(size, (...at) => ellipsoid(...at) && random() < 0.9);
  if (kind === 3) return block(size, [0, 0, 0], [Math.ceil(within(0)), Math.ceil(within(1)), size[2]]);
  return voxelMask(size, ellipsoid);
}

/** Numbers in [0, 1) that look random, from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
