/** Something along the axes of a volume: x counts columns, y rows and z slices. */
export type Vector3 = readonly [x: number, y: number, z: number];
