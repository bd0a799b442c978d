import { cross, dot, length, type Vector3 } from "./vector.js";

/** A row of an affine transformation of voxels to millimetres: three factors and an offset. */
export type Row = readonly [number, number, number, number];

/** The upper three rows of a 4 x 4 matrix: voxel indices to millimetres. The columns are x, y, z and the origin. */
export type Affine = readonly [Row, Row, Row];

/** Puts an affine together from where voxel 0 lies and what a step along each axis does. */
export function affineOf(x: Vector3, y: Vector3, z: Vector3, origin: Vector3): Affine {
  const row = (i: number): Row => [x[i] + 0, y[i] + 0, z[i] + 0, origin[i] + 0]; // 0, never -0
  return [row(0), row(1), row(2)];
}

/** A step along an axis of voxels, in millimetres. */
export function column(affine: Affine, axis: number): Vector3 {
  return [affine[0][axis], affine[1][axis], affine[2][axis]];
}

/**
 * Which way the axes of voxels run in the patient, by letters: L or R, A or P, S or I; "LAS" for columns from right
 * to left, rows from back to front and slices from below. As nibabel's `aff2axcodes`.
 */
export function axisCodes(affine: Affine): string {
  const steps = [0, 1, 2].map((axis) => column(affine, axis));
  const codes = ["", "", ""];
  const pairs = steps.flatMap((step, axis) =>
    step.map((part, world) => ({ axis, world, part: length(step) > 0 ? part / length(step) : 0 })),
  );
  // Each axis of voxels gets the axis of the patient that it runs along most, the clearest first.
  pairs.sort((a, b) => Math.abs(b.part) - Math.abs(a.part));
  const taken = new Set<number>();
  for (const { axis, world, part } of pairs)
    if (codes[axis] === "" && !taken.has(world)) {
      codes[axis] = ["LR", "PA", "IS"][world][part > 0 ? 1 : 0];
      taken.add(world);
    }
  return codes.join("");
}

/** Where a voxel lies. */
export function transform(affine: Affine, [x, y, z]: Vector3): Vector3 {
  const at = (row: Row) => row[0] * x + row[1] * y + row[2] * z + row[3];
  return [at(affine[0]), at(affine[1]), at(affine[2])];
}

/** Whether an affine says where voxels lie: its numbers are finite, and its axes do not lie in a plane. */
export function isInvertible(affine: Affine): boolean {
  const [x, y, z] = [0, 1, 2].map((axis) => column(affine, axis));
  const share = Math.abs(dot(x, cross(y, z))) / (length(x) * length(y) * length(z));
  return affine.flat().every(Number.isFinite) && share > 1e-6;
}

/** Millimetres to voxel indices. The axes of `affine` must not lie in a plane. */
export function inverse(affine: Affine): Affine {
  const [x, y, z, origin] = [0, 1, 2, 3].map((axis) => column(affine, axis));
  const volume = dot(x, cross(y, z));
  const row = (normal: Vector3): Row => {
    const [a, b, c] = normal.map((part) => part / volume);
    return [a, b, c, -dot([a, b, c], origin)];
  };
  return [row(cross(y, z)), row(cross(z, x)), row(cross(x, y))];
}

/** Names of the planes that a volume is looked at in, after what they cut through. */
export const PLANES = ["axial", "coronal", "sagittal"] as const;
/** Name of one of `PLANES`. */
export type PlaneName = (typeof PLANES)[number];

/** The axis of voxels that slices of this plane lie along: the one that runs most between feet and head, and so on. */
export function axisAcross(affine: Affine, plane: PlaneName): 0 | 1 | 2 {
  const letters = { axial: "SI", coronal: "AP", sagittal: "LR" }[plane];
  return [...axisCodes(affine)].findIndex((code) => letters.includes(code)) as 0 | 1 | 2;
}
