import type { NumberArray } from "../image/pixels.js";
import { affineOf, isInvertible, type Affine } from "./affine.js";
import { fileBeside, fileName, type Beside } from "./beside.js";
import { readNrrdHeader, type NrrdHeader } from "./nrrdHeader.js";
import { storedValues } from "./storedValues.js";
import { cross, length, scale, type Vector3 } from "./vector.js";
import { assertVoxels, markUnmeasured, placeUnknown, type Grid, type Volume } from "./volume.js";
import { VolumeError } from "./volumeError.js";

/** What an axis of an NRRD file is to a volume. */
type Role = "space" | "frames" | "channels" | "nothing";

/** An NRRD file: its volume, in which layers of a segmentation are frames, and its `key:=value` pairs. */
export interface OpenedNrrd {
  readonly volume: Volume;
  readonly pairs: ReadonlyMap<string, string>;
}

/**
 * Reads an NRRD file (`.nrrd`, `.nhdr`, `.seg.nrrd`): up to three axes of space, one of time or of a list, colours;
 * raw, gzip, ASCII or hexadecimal values, in the file or beside it.
 *
 * @throws VolumeError when it is damaged, cut off, too large, or of a kind that is not read.
 */
export async function readNrrd(bytes: Uint8Array, name: string, beside?: Beside): Promise<Volume> {
  return (await openNrrd(bytes, name, beside)).volume;
}

/** As `readNrrd`, with what a segmentation says of its segments. */
export async function openNrrd(bytes: Uint8Array, name: string, beside?: Beside): Promise<OpenedNrrd> {
  const header = readNrrdHeader(bytes, name);
  const { sizes, kind, encoding, files } = header;
  const roles = rolesOf(header, name);
  const axes = (role: Role) => [...roles.keys()].filter((axis) => roles[axis] === role);
  const space = axes("space");
  const [x = 1, y = 1, z = 1] = space.map((axis) => sizes[axis]);
  const size: Vector3 = [x, y, z];
  const frames = axes("frames").reduce((product, axis) => product * sizes[axis], 1);
  const channels: 1 | 3 = axes("channels").length > 0 ? 3 : 1;
  const count = assertVoxels(size, frames, channels, name);
  const parts: Uint8Array[] = [];
  if (files === undefined) parts.push(bytes.subarray(header.dataOffset));
  else for (const file of files) parts.push(await fileBeside(beside, fileNames(file), name));
  const { lineSkip, byteSkip, littleEndian } = header;
  const stored = storedValues(parts, { kind, littleEndian, encoding, count, lineSkip, byteSkip }, name);
  const data = reordered(stored, sizes, [...axes("channels"), ...space, ...axes("frames")]);
  const unmeasured = markUnmeasured(data, name);
  const { warnings, ...place } = placeOf(header, space, name);
  const volume = { name, size, frames, channels, data, slope: 1, intercept: 0, ...place };
  return { volume: { ...volume, warnings: [...warnings, ...unmeasured] }, pairs: header.pairs };
}

/** Headers made elsewhere name their values by a path that holds no more: those beside the header are meant. */
const fileNames = (file: string): string[] => [...new Set([file.replace(/^\.[/\\]/, ""), fileName(file)])];

function rolesOf({ sizes, kinds, kind, directions, spacings }: NrrdHeader, name: string): Role[] {
  let inSpace = 0;
  const roles = sizes.map((size, axis): Role => {
    const what = kinds?.[axis].toLowerCase() ?? "???";
    const isColour = /^(rgb-color|3-color)$/.test(what) || (what === "vector" && kind === "uint8");
    if (isColour && size === 3) return "channels";
    const hasPlace =
      directions !== undefined
        ? directions[axis] !== undefined
        : /^(domain|space|none|\?\?\?)$/.test(what) && !(what === "???" && Number.isNaN(spacings?.[axis]));
    if (hasPlace && inSpace < 3) {
      inSpace++;
      return "space";
    }
    if (size === 1) return "nothing";
    if (/^(time|list|domain|space|none|\?\?\?)$/.test(what)) return "frames";
    throw new VolumeError(
      `${name}: axis ${axis} has ${size} values of kind ${what}; expected axes of space, one of time or of a list, ` +
        "or three colours",
    );
  });
  const count = (role: Role) => roles.filter((one) => one === role).length;
  if (inSpace === 0 || count("frames") > 1 || count("channels") > 1)
    throw new VolumeError(
      `${name}: has axes of [${sizes.join(", ")}]; expected up to three of space, one of time or of a list, and one ` +
        "of colours",
    );
  return roles;
}

/** Values with their axes in another order, the fastest first; those left out have one value. */
function reordered(data: NumberArray, sizes: readonly number[], order: readonly number[]): NumberArray {
  if (order.every((axis, n) => n === 0 || axis > order[n - 1])) return data;
  const steps = sizes.map((_, axis) => sizes.slice(0, axis).reduce((product, side) => product * side, 1));
  const out = data.slice();
  const at = order.map(() => 0);
  for (let to = 0, from = 0; to < out.length; to++) {
    out[to] = data[from];
    for (let n = 0; n < order.length; n++) {
      from += steps[order[n]];
      if (++at[n] < sizes[order[n]]) break;
      from -= at[n] * steps[order[n]];
      at[n] = 0;
    }
  }
  return out;
}

/** Which of x, y and z point the other way than the volume's, which are to the right, to the front and up. */
function signsOf(space: string | undefined): Vector3 | undefined {
  const [, x, y, z] =
    /^(right|left)-(anterior|posterior)-(superior|inferior)(-time)?$/.exec(space ?? "") ?? [];
  return x === undefined ? undefined : [x === "right" ? 1 : -1, y === "anterior" ? 1 : -1, z === "superior" ? 1 : -1]; // prettier-ignore
}

function placeOf(
  { directions, spacings, origin, space, unit }: NrrdHeader,
  axes: readonly number[],
  name: string,
): Omit<Grid, "size" | "nifti"> & Pick<Volume, "warnings"> {
  const signs = signsOf(space);
  const turned = (vector: Vector3): Vector3 =>
    scale(signs ? [vector[0] * signs[0], vector[1] * signs[1], vector[2] * signs[2]] : vector, unit);
  const steps = axes.map((axis) => {
    const step = directions?.[axis];
    return step && turned(step);
  });
  const known = (side: number | undefined) => side !== undefined && Number.isFinite(side) && side > 0;
  const [x, y, z] = axes.map((axis, n) => {
    const step = steps[n];
    return step ? length(step) : Math.abs(spacings?.[axis] ?? NaN) * unit;
  });
  const affine = signs && origin && affineOfSteps(steps, turned(origin));
  const warnings: string[] = [];
  if (affine === undefined) {
    const said =
      directions !== undefined && signs === undefined ? ` (its space is ${space ?? "not named"})` : "";
    warnings.push(
      placeUnknown(
        name,
        `To change that${said}, save it with space left-posterior-superior, space directions and space origin.`,
      ),
    );
  }
  return {
    ...(known(x) && (known(y) || axes.length < 2) && { pixelSpacing: [x, y ?? x] as const }),
    ...(known(z) && { sliceSpacing: z }),
    ...(affine && { affine }),
    warnings,
  };
}

/** Of a flat image, slices would follow each other a millimetre apart. */
function affineOfSteps(steps: readonly (Vector3 | undefined)[], origin: Vector3): Affine | undefined {
  const [x, y] = steps;
  if (x === undefined || y === undefined) return undefined;
  const normal = cross(x, y);
  const affine = affineOf(x, y, steps[2] ?? scale(normal, 1 / length(normal)), origin);
  return isInvertible(affine) ? affine : undefined;
}
