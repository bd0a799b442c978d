import { column } from "./affine.js";
import { gunzip } from "./inflate.js";
import { toLabels } from "./labels.js";
import {
  millimetres,
  niftiPlace,
  readNiftiHeader,
  type NiftiGeometry,
  type NiftiHeader,
} from "./niftiHeader.js";
import { bytesOf, typedBytes, type NumberKind } from "./typedBytes.js";
import { length, type Vector3 } from "./vector.js";
import { assertVoxels, markUnmeasured, placeUnknown, type LabelVolume, type Volume } from "./volume.js";
import { VolumeError } from "./volumeError.js";

/** Kinds of numbers by `datatype`, and how many make a voxel. */
const DATATYPES: Readonly<Record<number, readonly [kind: NumberKind, channels: 1 | 3] | undefined>> = {
  2: ["uint8", 1],
  4: ["int16", 1],
  8: ["int32", 1],
  16: ["float32", 1],
  64: ["float64", 1],
  128: ["uint8", 3],
  256: ["int8", 1],
  512: ["uint16", 1],
  768: ["uint32", 1],
  1024: ["int64", 1],
  1280: ["uint64", 1],
};

/** Bytes that may follow the voxels, such as padding to a whole block. */
const MAX_TRAILING = 2 ** 20;

export const isGzip = (bytes: Uint8Array): boolean =>
  bytes.length >= 18 && bytes[0] === 0x1f && bytes[1] === 0x8b;

/**
 * Reads a NIfTI-1 or NIfTI-2 file, either byte order, also compressed by gzip: up to three axes of space and one of
 * time; integers, real numbers, RGB. Header extensions are passed over.
 *
 * @param image of a pair (`.hdr` and `.img`) the bytes of the `.img`; `bytes` are the header's.
 * @throws VolumeError when it is damaged, cut off, too large, has further axes, or complex values.
 */
export function readNifti(bytes: Uint8Array, name: string, image?: Uint8Array): Volume {
  const limit = (start: Uint8Array) => layoutOf(readNiftiHeader(start, name), name).end + MAX_TRAILING;
  const plain = isGzip(bytes) ? gunzip(bytes, limit, name) : bytes;
  const header = readNiftiHeader(plain, name);
  const { size, frames, channels, kind, end } = layoutOf(header, name);
  if (header.isPair && image === undefined)
    throw new VolumeError(
      `${name}: is the header of a pair, whose .img is not there; put NAME.hdr and NAME.img in one folder, and in ` +
        "the page open both together",
    );
  const whole = image === undefined || !header.isPair ? plain : isGzip(image) ? gunzip(image, () => end + MAX_TRAILING, name) : image; // prettier-ignore
  if (whole.length < end)
    throw new VolumeError(`${name}: is cut off: has ${whole.length} bytes; its header asks for ${end}`);
  const { slope, intercept, geometry, littleEndian } = header;
  const scaled = Number.isFinite(slope) && slope !== 0; // 0 means that there is no scaling
  const data = typedBytes(whole.subarray(header.dataOffset, end), kind, littleEndian, name, !scaled || slope === 1); // prettier-ignore
  const unmeasured = markUnmeasured(data, name);
  const { warnings, ...place } = placeOf(geometry, name);
  return {
    ...{ name, size, frames, channels, data },
    slope: scaled ? slope : 1,
    intercept: scaled && Number.isFinite(intercept) ? intercept : 0,
    ...place,
    warnings: [...warnings, ...unmeasured],
  };
}

/** Labels from a NIfTI file. @throws VolumeError as above, and when a value is no integer of 0..65535. */
export function readNiftiLabels(bytes: Uint8Array, name: string): LabelVolume {
  return toLabels(readNifti(bytes, name));
}

/** Sizes and kind of the values; checked, so that they can be trusted. */
function layoutOf({ dims, datatype, dataOffset, isPair }: NiftiHeader, name: string) {
  const axes = dims[0];
  const sides = dims.slice(1, 1 + axes);
  if (!(axes >= 1 && axes <= 7) || sides.slice(4).some((side) => side !== 1))
    throw new VolumeError(
      `${name}: has axes of [${sides.join(", ")}] voxels; expected up to three of space and one of time`,
    );
  const [x = 1, y = 1, z = 1, frames = 1] = sides;
  const found = DATATYPES[datatype];
  if (found === undefined)
    throw new VolumeError(
      `${name}: has values of datatype ${datatype}; expected integers, real numbers or RGB`,
    );
  const [kind, channels] = found;
  const size: Vector3 = [x, y, z];
  const bytes = assertVoxels(size, frames, channels, name) * bytesOf(kind);
  const first = isPair ? 0 : 352;
  if (!Number.isInteger(dataOffset) || dataOffset < first)
    throw new VolumeError(`${name}: its voxels begin at byte ${dataOffset}; expected ${first} or more`);
  return { size, frames, channels, kind, end: dataOffset + bytes };
}

/** Spacing as the header has it, and a warning where it and the affine say different things. */
function placeOf(geometry: NiftiGeometry, name: string) {
  const unit = millimetres(geometry.units);
  const [x, y, z] = geometry.pixDims.slice(1, 4).map((side) => side * unit);
  const known = (side: number) => Number.isFinite(side) && side > 0;
  const { affine, unusable } = niftiPlace(geometry);
  const warnings = unusable.map(
    (form) => `${name}: its ${form} is no place (flat or not finite) and is left out`,
  );
  const steps = affine && [0, 1, 2].map((axis) => length(column(affine, axis)));
  const differs = (side: number, axis: number) => known(side) && Math.abs(steps![axis] - side) > 0.01 * side;
  if (steps === undefined)
    warnings.push(placeUnknown(name, "To change that, convert it again from DICOM, or set its sform."));
  else if ([x, y, z].some(differs))
    warnings.push(
      `${name}: its voxels are ${[x, y, z].join(" x ")} mm, but its affine has other steps; ` +
        "it may be registered to another space",
    );
  return {
    ...(known(x) && known(y) && { pixelSpacing: [x, y] as const }),
    ...(known(z) && { sliceSpacing: z }),
    ...(affine && { affine }),
    nifti: geometry,
    warnings,
  };
}
