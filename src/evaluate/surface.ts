import type { Vector3 } from "../volume/vector.js";
import { VolumeError } from "../volume/volumeError.js";
import { squaredDistances } from "./distance.js";
import { cornerBit, surfaceAreas } from "./surfaceArea.js";
import { assertSameGrid, assertSpacing, type VoxelMask } from "./voxelMask.js";

/** The elements of one surface, nearest first. */
export interface SurfaceSide {
  /** Millimetres from each element to the nearest element of the other surface; Infinity when there is none. */
  readonly distances: Float64Array;
  /** Area of each element in mm². */
  readonly areas: Float64Array;
}

/** How far two surfaces are apart, seen from each. */
export interface SurfaceDistances {
  /** Elements of the truth's surface. */
  readonly truth: SurfaceSide;
  /** Elements of the prediction's surface. */
  readonly prediction: SurfaceSide;
}

/**
 * Surface elements lie at the corners of the voxel lattice, wherever the 8 voxels around are not all alike, and
 * count with the area that marching cubes gives them. What lies beyond the volume is outside of the object.
 *
 * @param spacing millimetres a voxel.
 * @throws VolumeError when the masks are not of one size, or the spacing is not positive.
 * @see DeepMind's surface-distance, `compute_surface_distances`
 */
export function surfaceDistances(
  truth: VoxelMask,
  prediction: VoxelMask,
  spacing: Vector3,
): SurfaceDistances {
  return distancesOn(truth, prediction, spacing, (depth) => depth + 1);
}

/**
 * The same for masks of one slice as pictures: contours instead of surfaces, `areas` are lengths in mm. A slice as a
 * thin volume would have an upper and a lower face, which hide how far contours are apart.
 *
 * @param spacing millimetres a pixel.
 * @throws VolumeError when the masks are not of one size and one slice, or the spacing is not positive.
 * @see DeepMind's surface-distance, `compute_surface_distances` of 2D masks
 */
export function contourDistances(
  truth: VoxelMask,
  prediction: VoxelMask,
  [x, y]: readonly [x: number, y: number],
): SurfaceDistances {
  if (truth.size[2] !== 1)
    throw new VolumeError(`masks have ${truth.size[2]} slices; expected one, for contours`);
  // One layer of corners, with the slice going on above and below: walls of a height of 1 mm.
  return distancesOn(truth, prediction, [x, y, 1], () => 1);
}

function distancesOn(
  truth: VoxelMask,
  prediction: VoxelMask,
  spacing: Vector3,
  layers: (depth: number) => number,
): SurfaceDistances {
  assertSameGrid(truth, prediction);
  assertSpacing(spacing);
  const crop = boundingBox(truth, prediction);
  const lattice: Vector3 = [crop.size[0] + 1, crop.size[1] + 1, layers(crop.size[2])];
  const codesOfTruth = neighbourCodes(truth, crop, lattice);
  const codesOfPrediction = neighbourCodes(prediction, crop, lattice);
  const areas = surfaceAreas(spacing);
  const side = (from: Uint8Array, to: Uint8Array) =>
    collect(from, squaredDistances(to.map(isSurface), lattice, spacing), areas);
  return {
    truth: side(codesOfTruth, codesOfPrediction),
    prediction: side(codesOfPrediction, codesOfTruth),
  };
}

interface Crop {
  readonly start: Vector3;
  readonly size: Vector3;
}

/** The smallest box around both masks; of size 0 when both are empty. */
function boundingBox(truth: VoxelMask, prediction: VoxelMask): Crop {
  const [width, height, depth] = truth.size;
  let [x0, y0, z0, x1, y1, z1] = [width, height, depth, -1, -1, -1];
  for (let z = 0, i = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        if (!truth.data[i] && !prediction.data[i]) continue;
        if (x < x0) x0 = x;
        if (x > x1) x1 = x;
        if (y < y0) y0 = y;
        if (y > y1) y1 = y;
        if (z < z0) z0 = z;
        z1 = z;
      }
  if (x1 < 0) return { start: [0, 0, 0], size: [0, 0, 0] };
  return { start: [x0, y0, z0], size: [x1 - x0 + 1, y1 - y0 + 1, z1 - z0 + 1] };
}

/** For each corner of the voxel lattice which of the 8 voxels around it are set. */
function neighbourCodes(mask: VoxelMask, { start, size }: Crop, lattice: Vector3): Uint8Array {
  const codes = new Uint8Array(lattice[0] * lattice[1] * lattice[2]);
  const row = lattice[0];
  const slice = lattice[2] > 1 ? row * lattice[1] : 0;
  // A voxel lies in the upper half of the cube around its lower corner, and the other way round.
  const corners = Array.from({ length: 8 }, (_, i) => {
    const [x, y, z] = [i & 1, (i >> 1) & 1, i >> 2];
    return { offset: x + y * row + z * slice, bit: cornerBit(1 - x, 1 - y, 1 - z) };
  });
  const [width, height] = mask.size;
  for (let z = 0; z < size[2]; z++)
    for (let y = 0; y < size[1]; y++) {
      const from = start[0] + width * (start[1] + y + height * (start[2] + z));
      for (let x = 0; x < size[0]; x++)
        if (mask.data[from + x])
          for (const { offset, bit } of corners) codes[x + y * row + z * slice + offset] |= bit;
    }
  return codes;
}

const isSurface = (code: number): number => (code === 0 || code === 255 ? 0 : 1);

/** Sorted by distance, and then by area, as the reference sorts them. */
function collect(codes: Uint8Array, squares: Float64Array, areaOfCode: Float64Array): SurfaceSide {
  const elements: number[] = [];
  for (let i = 0; i < codes.length; i++) if (isSurface(codes[i])) elements.push(i);
  elements.sort((a, b) => {
    const [near, far] = [squares[a], squares[b]];
    return near === far ? areaOfCode[codes[a]] - areaOfCode[codes[b]] : near - far;
  });
  return {
    distances: Float64Array.from(elements, (i) => Math.sqrt(squares[i])),
    areas: Float64Array.from(elements, (i) => areaOfCode[codes[i]]),
  };
}
