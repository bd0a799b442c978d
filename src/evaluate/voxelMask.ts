import type { Mask } from "../image/mask.js";
import type { Vector3 } from "../volume/vector.js";
import { VolumeError } from "../volume/volumeError.js";

/** Voxels of an object, 1 inside and 0 outside; voxel (x, y, z) is number `x + width * (y + height * z)`. */
export interface VoxelMask {
  /** Columns, rows, slices. */
  readonly size: Vector3;
  readonly data: Uint8Array;
}

/** A mask of an image, as a volume of one slice. */
export function flatMask({ width, height, data }: Mask): VoxelMask {
  return { size: [width, height, 1], data };
}

/** @throws VolumeError when the masks are not of one size, or their data do not fit it. */
export function assertSameGrid(truth: VoxelMask, prediction: VoxelMask): void {
  const [width, height, depth] = truth.size;
  if (truth.size.some((side, axis) => side !== prediction.size[axis]))
    throw new VolumeError(
      `prediction is ${prediction.size.join(" x ")}; expected ${truth.size.join(" x ")}, the size of the truth`,
    );
  for (const [what, { data }] of Object.entries({ truth, prediction }))
    if (data.length !== width * height * depth)
      throw new VolumeError(
        `${what}: has ${data.length} voxels; expected ${width * height * depth} = ${truth.size.join(" x ")}`,
      );
}

/** @throws VolumeError when it is not three positive numbers. */
export function assertSpacing(spacing: Vector3): void {
  if (!spacing.every((side) => side > 0 && Number.isFinite(side)))
    throw new VolumeError(`spacing is [${spacing.join(", ")}]; expected three positive numbers of mm`);
}
