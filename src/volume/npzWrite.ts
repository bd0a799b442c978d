import { zipSync } from "fflate";
import { dump } from "npyjs";
import type { NumberArray } from "../image/pixels.js";
import { VolumeError } from "./volumeError.js";

/** An array in C order: the last axis is the fastest. */
export interface ArrayToWrite {
  readonly shape: readonly number[];
  readonly data: NumberArray;
}

/**
 * Writes an `.npz` as NumPy's `savez_compressed` does. MedSAM's scripts look for `imgs` [D, H, W], `gts` [D, H, W],
 * `spacing` [3] (x, y, z), `boxes` [n, 4], and for predictions `segs` [D, H, W].
 *
 * @throws VolumeError when an array does not have as many values as its shape says.
 */
export function npzBytes(arrays: Readonly<Record<string, ArrayToWrite>>): Uint8Array {
  const members = Object.entries(arrays).map(([key, { shape, data }]) => {
    const expected = shape.reduce((product, side) => product * side, 1);
    if (data.length !== expected)
      throw new VolumeError(
        `${key}: has ${data.length} values; shape [${shape.join(", ")}] needs ${expected}`,
      );
    return [`${key}.npy`, new Uint8Array(dump(data, [...shape]))] as const;
  });
  // A fixed date, so that the same arrays give the same bytes.
  return zipSync(Object.fromEntries(members), { mtime: new Date(1980, 0, 1) });
}
