import { affineOf, isInvertible, type Affine } from "./affine.js";
import { fileBeside, fileName, type Beside } from "./beside.js";
import { storedValues, type Storage } from "./storedValues.js";
import { filesOfPattern, HeaderLines, numbersIn } from "./textHeader.js";
import type { NumberKind } from "./typedBytes.js";
import type { Vector3 } from "./vector.js";
import { assertVoxels, markUnmeasured, placeUnknown, type LabelVolume, type Volume } from "./volume.js";
import { toLabels } from "./labels.js";
import { VolumeError } from "./volumeError.js";

/** Kinds of numbers by `ElementType`; a long has 32 bits on all machines. */
const KINDS: Readonly<Record<string, NumberKind>> = {
  ...{ MET_CHAR: "int8", MET_UCHAR: "uint8", MET_SHORT: "int16", MET_USHORT: "uint16" },
  ...{ MET_INT: "int32", MET_UINT: "uint32", MET_LONG: "int32", MET_ULONG: "uint32" },
  ...{ MET_LONG_LONG: "int64", MET_ULONG_LONG: "uint64", MET_FLOAT: "float32", MET_DOUBLE: "float64" },
};

/** Most axes that are read: three of space and one of time. */
const MOST_AXES = 4;

/** Bytes that are looked at to tell a MetaImage: it begins with lines of text, `NDims` among the first. */
const START = 2048;

export function looksLikeMetaImage(bytes: Uint8Array): boolean {
  const text = String.fromCharCode(...bytes.subarray(0, START));
  return /^(\s*\w+ *=[^\n]*\n)*\s*NDims *= *\d/.test(text);
}

/**
 * Reads a MetaImage (`.mha`, or `.mhd` with its values beside it): up to three axes of space and one of time, one value
 * or three colours; raw, zlib or ASCII. As in ITK, places are DICOM's whatever `AnatomicalOrientation` says.
 *
 * @throws VolumeError when it is damaged, cut off, too large, or of a kind that is not read.
 */
export async function readMetaImage(bytes: Uint8Array, name: string, beside?: Beside): Promise<Volume> {
  const { fields, list, dataOffset } = readHeader(bytes, name);
  const { sizes, size, frames, channels, count, kind } = layoutOf(fields, name);
  const files = filesOf(required(fields, "ElementDataFile", name), list, sizes, name);
  const parts: Uint8Array[] = [];
  if (files === undefined) parts.push(bytes.subarray(dataOffset));
  else
    for (const file of files)
      parts.push(await fileBeside(beside, [...new Set([file, fileName(file)])], name));
  const storage: Storage = {
    ...{ kind, count },
    littleEndian: !(isTrue(fields, "BinaryDataByteOrderMSB") || isTrue(fields, "ElementByteOrderMSB")),
    encoding: !isTrue(fields, "BinaryData", true)
      ? "ascii"
      : isTrue(fields, "CompressedData")
        ? "zlib"
        : "raw",
    byteSkip: files === undefined ? 0 : numbersOf(fields, "HeaderSize", 1, name)?.[0],
  };
  const stored = withinSize(parts, fields, name);
  const data = storedValues(stored, storage, name);
  const unmeasured = markUnmeasured(data, name);
  const { warnings, ...place } = placeOf(fields, sizes.length, name);
  const volume = { name, size, frames, channels, data, slope: 1, intercept: 0, ...place };
  return { ...volume, warnings: [...warnings, ...unmeasured] };
}

/** Labels from a MetaImage. @throws VolumeError as above, and when a value is no integer of 0..65535. */
export async function readMetaImageLabels(
  bytes: Uint8Array,
  name: string,
  beside?: Beside,
): Promise<LabelVolume> {
  return toLabels(await readMetaImage(bytes, name, beside));
}

type Fields = ReadonlyMap<string, string>;

function readHeader(bytes: Uint8Array, name: string) {
  const lines = new HeaderLines(bytes, name);
  const fields = new Map<string, string>();
  // Where the values follow, ElementDataFile is the header's last line.
  while (!fields.has("ElementDataFile")) {
    const line = lines.next();
    if (line === undefined) break;
    if (line.trim() === "" || line.trim().startsWith("#")) continue;
    const [, key, value] = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key === undefined)
      throw new VolumeError(`${name}: has the header line "${line.slice(0, 60)}"; expected "Key = value"`);
    fields.set(key, value);
  }
  const dataOffset = lines.at;
  const list: string[] = [];
  if (/^LIST\b/.test(fields.get("ElementDataFile") ?? ""))
    for (let line = lines.next(); line !== undefined; line = lines.next())
      if (line.trim() !== "") list.push(line.trim());
  return { fields, list, dataOffset };
}

function required(fields: Fields, key: string, name: string): string {
  const value = fields.get(key);
  if (value === undefined)
    throw new VolumeError(`${name}: has no ${key} in its header; expected a MetaImage`);
  return value;
}

const isTrue = (fields: Fields, key: string, otherwise = false): boolean =>
  fields.has(key) ? /^(true|t|1)/i.test(fields.get(key)!) : otherwise;

/** The numbers of the first of some keys that is there. @throws VolumeError when there are not so many. */
function numbersOf(fields: Fields, keys: string, count: number, name: string): number[] | undefined {
  const key = keys.split(" ").find((one) => fields.has(one));
  if (key === undefined) return undefined;
  const numbers = numbersIn(fields.get(key)!, key, name);
  if (numbers.length !== count)
    throw new VolumeError(`${name}: ${key} has ${numbers.length} numbers; expected ${count}`);
  return numbers;
}

function layoutOf(fields: Fields, name: string) {
  const axes = Number(required(fields, "NDims", name));
  if (!Number.isInteger(axes) || axes < 1 || axes > MOST_AXES)
    throw new VolumeError(`${name}: NDims is ${required(fields, "NDims", name)}; expected 1 to ${MOST_AXES}`);
  required(fields, "DimSize", name);
  const sizes = numbersOf(fields, "DimSize", axes, name)!;
  const channels = numbersOf(fields, "ElementNumberOfChannels", 1, name)?.[0] ?? 1;
  if (channels !== 1 && channels !== 3)
    throw new VolumeError(`${name}: has ${channels} values a voxel; expected 1, or 3 colours`);
  const type = required(fields, "ElementType", name);
  const kind = KINDS[type.replace(/_ARRAY$/, "")];
  if (kind === undefined)
    throw new VolumeError(`${name}: has values of type ${type}; expected integers or real numbers`);
  const [x, y = 1, z = 1, frames = 1] = sizes;
  const size: Vector3 = [x, y, z];
  return { sizes, size, frames, channels, kind, count: assertVoxels(size, frames, channels, name) } as const;
}

function filesOf(text: string, list: readonly string[], sizes: readonly number[], name: string) {
  if (/^local$/i.test(text)) return undefined;
  if (/^LIST\b/.test(text)) return list;
  const words = text.split(/\s+/);
  const isPattern = words.length >= 3 && /%0?\d*d/.test(words[0]);
  return isPattern ? filesOfPattern(words, sizes[sizes.length - 1], name) : [text];
}

/** What follows the values that CompressedDataSize counts is not theirs. */
function withinSize(parts: readonly Uint8Array[], fields: Fields, name: string): readonly Uint8Array[] {
  const size = numbersOf(fields, "CompressedDataSize", 1, name)?.[0];
  if (size === undefined || parts.length !== 1 || !isTrue(fields, "CompressedData")) return parts;
  if (!(size >= 0 && size <= parts[0].length))
    throw new VolumeError(
      `${name}: is cut off: has ${parts[0].length} compressed bytes; its header asks for ${size}`,
    );
  return [parts[0].subarray(0, size)];
}

function placeOf(fields: Fields, axes: number, name: string) {
  const steps = numbersOf(fields, "ElementSpacing ElementSize", axes, name);
  const matrix = numbersOf(fields, "TransformMatrix Rotation Orientation", axes * axes, name);
  const offset = numbersOf(fields, "Offset Position Origin", axes, name);
  const known = (side: number | undefined): side is number =>
    side !== undefined && Number.isFinite(side) && side > 0;
  const [x, y, z] = steps ?? [];
  const affine = affineOfFields(steps ?? [], matrix, offset, axes);
  const isUnusable = affine !== undefined && !isInvertible(affine);
  const warnings =
    affine === undefined || isUnusable
      ? [
          placeUnknown(
            name,
            "To change that, save it with a TransformMatrix that is no plane, Offset and ElementSpacing.",
          ),
        ]
      : [];
  return {
    ...(known(x) && known(y) && { pixelSpacing: [x, y] as const }),
    ...(known(z) && { sliceSpacing: z }),
    ...(affine && !isUnusable && { affine }),
    warnings,
  };
}

/** Row `i` of the matrix is the direction of axis `i`. Undefined where the file says neither directions nor an origin. */
function affineOfFields(
  steps: readonly number[],
  matrix: readonly number[] | undefined,
  offset: readonly number[] | undefined,
  axes: number,
): Affine | undefined {
  if ((matrix === undefined && offset === undefined) || axes < 2) return undefined;
  const part = (axis: number, world: number): number => {
    const isInside = axis < axes && world < axes;
    const direction = isInside && matrix ? matrix[axis * axes + world] : axis === world ? 1 : 0;
    return direction * (axis < axes ? (steps[axis] ?? 1) : 1) * (world < 2 ? -1 : 1);
  };
  const column = (axis: number): Vector3 => [part(axis, 0), part(axis, 1), part(axis, 2)];
  const [x = 0, y = 0, z = 0] = offset ?? [];
  return affineOf(column(0), column(1), column(2), [-x, -y, axes < 3 ? 0 : z]);
}
