import { NIFTI1, NIFTI2 } from "nifti-reader-js";
import { affineOf, column, isInvertible, type Affine, type Row } from "./affine.js";
import { length, scale, type Vector3 } from "./vector.js";
import { VolumeError } from "./volumeError.js";

/** Where voxels lie, in the words of a NIfTI header: two transformations, either of which may be unknown (0). */
export interface NiftiGeometry {
  /** `pixdim`: the handedness of `qform`, then the size of a voxel along each axis, never negative. */
  readonly pixDims: readonly number[];
  /** A rotation, by `b`, `c` and `d` of a quaternion of length 1, and a shift. */
  readonly qform: { readonly code: number; readonly quaternion: Vector3; readonly offset: Vector3 };
  /** Any affine transformation. */
  readonly sform: { readonly code: number; readonly rows: Affine };
  /** Units of space and time, as coded in the header. */
  readonly units: number;
}

export interface NiftiHeader {
  readonly geometry: NiftiGeometry;
  readonly littleEndian: boolean;
  /** Number of axes, then their sizes. */
  readonly dims: readonly number[];
  readonly datatype: number;
  /** Whether the voxels lie in a file of their own: `.hdr` and `.img`. */
  readonly isPair: boolean;
  /** Where the voxels begin in their file. */
  readonly dataOffset: number;
  readonly slope: number;
  readonly intercept: number;
}

/** Bytes of a NIfTI-2 header with its extension flag; NIfTI-1 needs 352. */
export const MAX_HEADER = 544;

/** True when the bytes begin as NIfTI does; files in two parts (`.hdr` and `.img`) too. */
export function looksLikeNifti(bytes: Uint8Array): boolean {
  return versionOf(bytes) !== undefined;
}

function versionOf(
  bytes: Uint8Array,
): { version: 1 | 2; littleEndian: boolean; single: boolean } | undefined {
  if (bytes.length < 348) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const littleEndian of [true, false])
    for (const [version, size, at] of [
      [1, 348, 344],
      [2, 540, 4],
    ] as const) {
      // prettier-ignore
      const magic = new TextDecoder("latin1").decode(bytes.subarray(at, at + 3));
      if (view.getInt32(0, littleEndian) === size && (magic === `n+${version}` || magic === `ni${version}`))
        return { version, littleEndian, single: magic.startsWith("n+") };
    }
  return undefined;
}

/**
 * Reads the header of a NIfTI-1 or NIfTI-2 file.
 *
 * The library's own affine is not used: it prefers the other transformation than nibabel where both are known,
 * and knows only one of the two in NIfTI-2.
 *
 * @param bytes the beginning of the file, `MAX_HEADER` bytes or all that there are.
 * @throws VolumeError when it is no such file, or is cut off.
 */
export function readNiftiHeader(bytes: Uint8Array, name: string): NiftiHeader {
  const found = versionOf(bytes);
  if (found === undefined && looksLikeAnalyze(bytes))
    throw new VolumeError(
      `${name}: is an Analyze 7.5 header, which does not say left from right; save it as NIfTI with the program ` +
        "that wrote it, or with nibabel if you know which side is left",
    );
  if (found === undefined)
    throw new VolumeError(`${name}: is no NIfTI file; expected "n+1", "n+2", "ni1" or "ni2" in its header`);
  const { version, littleEndian, single } = found;
  const size = version === 1 ? 348 : 540;
  const least = size + (single ? 4 : 0); // a pair's header may do without the flags of extensions
  if (bytes.length < least) throw new VolumeError(`${name}: is cut off: its header has ${least} bytes`);
  const header = version === 1 ? new NIFTI1() : new NIFTI2();
  header.readHeader(new Uint8Array(bytes.subarray(0, size)).buffer); // without extensions, which nothing here needs
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sform = (i: number): number =>
    version === 1 ? view.getFloat32(280 + 4 * i, littleEndian) : view.getFloat64(400 + 8 * i, littleEndian);
  const row = (i: number): Row => [sform(4 * i), sform(4 * i + 1), sform(4 * i + 2), sform(4 * i + 3)];
  return {
    geometry: {
      // A negative size says nothing about directions: all readers take it without its sign.
      pixDims: header.pixDims.map((side, axis) => (axis === 0 ? side : Math.abs(side))),
      qform: {
        code: header.qform_code,
        quaternion: unitQuaternion([header.quatern_b, header.quatern_c, header.quatern_d], version),
        offset: [header.qoffset_x, header.qoffset_y, header.qoffset_z],
      },
      sform: { code: header.sform_code, rows: [row(0), row(1), row(2)] },
      units: header.xyzt_units,
    },
    littleEndian,
    isPair: !single,
    dims: header.dims,
    datatype: header.datatypeCode,
    dataOffset: header.vox_offset,
    slope: header.scl_slope,
    intercept: header.scl_inter,
  };
}

/** The header of the format that NIfTI came from, which has the same length. */
function looksLikeAnalyze(bytes: Uint8Array): boolean {
  if (bytes.length !== 348) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getInt32(0, true) === 348 || view.getInt32(0, false) === 348;
}

/** Millimetres in a unit of the header's low three bits; unknown is taken as mm, as all programs do. */
export function millimetres(units: number): number {
  return { 1: 1000, 3: 0.001 }[units & 7] ?? 1;
}

/**
 * Makes `b`, `c` and `d` those of a half turn, where `a` is 0 but for the rounding of the header's numbers: else the root
 * of what is left of 1 would turn the volume by up to 6e-4 rad. nibabel has the same limits, and refuses a quaternion
 * that is longer; here it is shortened, as in the NIfTI library in C.
 */
function unitQuaternion(bcd: Vector3, version: 1 | 2): Vector3 {
  const rounding = 3 * (version === 1 ? 2 ** -23 : 2 ** -52);
  const norm = length(bcd);
  return 1 - norm ** 2 < rounding ? scale(bcd, 1 / norm) : bcd;
}

/** Where a header says that its voxels lie. */
export interface NiftiPlace {
  /** Undefined where neither transformation is known or can be used. */
  readonly affine?: Affine;
  /** Names of transformations that are said to be known, but are no places: not finite numbers, or flat. */
  readonly unusable: readonly ("sform" | "qform")[];
}

/** The transformation that nibabel takes: `sform` where it is known, else `qform`. */
export function niftiPlace({ pixDims, qform, sform, units }: NiftiGeometry): NiftiPlace {
  const unit = millimetres(units);
  const unusable: ("sform" | "qform")[] = [];
  for (const [name, code, rows] of [
    ["sform", sform.code, () => sform.rows],
    ["qform", qform.code, () => rotation(qform.quaternion, pixDims, qform.offset)],
  ] as const) {
    if (code <= 0) continue;
    const [x, y, z, origin] = [0, 1, 2, 3].map((axis) => scale(column(rows(), axis), unit));
    const affine = affineOf(x, y, z, origin);
    if (isInvertible(affine)) return { affine, unusable };
    unusable.push(name);
  }
  return { unusable };
}

/** @see nifti1.h, method 2. A size of 0 counts as 1, as in nibabel. */
function rotation([b, c, d]: Vector3, pixDims: readonly number[], offset: Vector3): Affine {
  const rest = 1 - length([b, c, d]) ** 2;
  const a = rest < 3 * 2 ** -52 ? 0 : Math.sqrt(rest);
  const [dx, dy, size] = pixDims.slice(1, 4).map((side) => side || 1);
  const dz = size * (pixDims[0] < 0 ? -1 : 1);
  return affineOf(
    [(a * a + b * b - c * c - d * d) * dx, 2 * (b * c + a * d) * dx, 2 * (b * d - a * c) * dx],
    [2 * (b * c - a * d) * dy, (a * a + c * c - b * b - d * d) * dy, 2 * (c * d + a * b) * dy],
    [2 * (b * d + a * c) * dz, 2 * (c * d - a * b) * dz, (a * a + d * d - c * c - b * b) * dz],
    offset,
  );
}
