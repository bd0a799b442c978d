/** Something along the axes of a volume: x counts columns, y rows and z slices. */
export type Vector3 = readonly [x: number, y: number, z: number];

export const dot = (a: Vector3, b: Vector3): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

export const scale = ([a, b, c]: Vector3, by: number): Vector3 => [a * by, b * by, c * by];

export const cross = (a: Vector3, b: Vector3): Vector3 => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];

export const length = (vector: Vector3): number => Math.hypot(...vector);
