import type { Vector3 } from "../volume/vector.js";

/*
 * The 8 voxels around a corner of the voxel lattice are a code of 8 bits: voxel (a0, a1, a2), each 0 for the lower
 * and 1 for the upper along z, y and x, has the bit 7 - (4 a0 + 2 a1 + a2). Marching cubes puts up to four triangles
 * into the cube between those voxels' centres. Their areas do not change when inside and outside are swapped, and
 * turn and mirror with the cube, so that these 14 codes (with 0, which has no surface) give all 256.
 */
type Areas = readonly Vector3[];

/** Codes with the area vectors (along z, y, x) of their triangles, without signs, in eighths of a cube's face. */
const REPRESENTATIVES: readonly (readonly [code: number, areas: Areas])[] = [
  [1, [[1, 1, 1]]],
  [3, repeat(2, [2, 2, 0])],
  [6, repeat(2, [1, 1, 1])],
  [7, [[1, 1, 1], [2, 2, 2], [4, 0, 0]]], // prettier-ignore
  [15, repeat(2, [4, 0, 0])],
  [22, repeat(3, [1, 1, 1])],
  [23, [...repeat(2, [1, 1, 1]), ...repeat(2, [2, 2, 2])]],
  [24, repeat(2, [1, 1, 1])],
  [25, [...repeat(2, [0, 2, 2]), [1, 1, 1]]],
  [27, [[0, 2, 2], [1, 1, 1], [2, 0, 2], [3, 3, 3]]], // prettier-ignore
  [30, [...repeat(2, [1, 1, 1]), [2, 2, 2], [4, 0, 0]]],
  [60, repeat(4, [2, 2, 0])],
  [105, repeat(4, [1, 1, 1])],
];

const ORDERS: readonly Vector3[] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]; // prettier-ignore

function repeat(times: number, vector: Vector3): Areas {
  return new Array<Vector3>(times).fill(vector);
}

/** Bit of a voxel of the cube, by which half of each axis it lies in. */
function bit(z: number, y: number, x: number): number {
  return 1 << (7 - (4 * z + 2 * y + x));
}

/** The code after its axes are reordered, then those of `flips` (bits z, y, x) mirrored. */
function turned(code: number, order: Vector3, flips: number): number {
  let out = 0;
  for (let corner = 0; corner < 8; corner++) {
    const place = [corner >> 2, (corner >> 1) & 1, corner & 1];
    if (!(code & bit(place[0], place[1], place[2]))) continue;
    const [z, y, x] = order.map((axis, i) => place[axis] ^ ((flips >> (2 - i)) & 1));
    out |= bit(z, y, x);
  }
  return out;
}

const AREAS: readonly Areas[] = (() => {
  const table: Areas[] = new Array<Areas>(256).fill([]);
  for (const [code, areas] of REPRESENTATIVES)
    for (const order of ORDERS)
      for (let flips = 0; flips < 8; flips++) {
        const to = turned(code, order, flips);
        const moved = areas.map((area): Vector3 => [area[order[0]], area[order[1]], area[order[2]]]);
        table[to] = moved;
        table[255 - to] = moved;
      }
  return table;
})();

/**
 * Area in mm² of the surface at a corner of the voxel lattice, for each of the 256 codes of the voxels around it.
 *
 * @param spacing millimetres a voxel, x first.
 */
export function surfaceAreas([x, y, z]: Vector3): Float64Array {
  return Float64Array.from(AREAS, (areas) =>
    areas.reduce((sum, [nz, ny, nx]) => sum + Math.hypot(nz * y * x, ny * z * x, nx * z * y) / 8, 0),
  );
}

/** Bit that voxel (x, y, z) of the cube has in a code, by the three halves: 0 lower, 1 upper. */
export const cornerBit = (x: number, y: number, z: number): number => bit(z, y, x);
