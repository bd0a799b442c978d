import { maskArea, maskBox, type PixelBox } from "../image/mask.js";
import type { Box } from "../predictor/types.js";
import type { Margin } from "../predictor/volume/endOfObject.js";
import { objectsFromLabels, objectsFromMasks } from "../predictor/volume/objectsFromLabels.js";
import { objectsFromMarkers, recistBox, type RecistLine } from "../predictor/volume/recist.js";
import { boxPrompts, type SlicePrompt, type VolumeObject } from "../predictor/volume/volumeObject.js";
import { assertSameGeometry } from "../volume/labels.js";
import { readLabelVolumeFile } from "../volume/read.node.js";
import { planeOf, type Axis } from "../volume/values.js";
import type { LabelVolume, Volume } from "../volume/volume.js";
import { UsageError } from "./errors.js";
import { isBad, type BadRow, type ManifestRow } from "./manifest.js";
import {
  pointPrompt,
  type Box3d,
  type LabelledPoint,
  type RecistOption,
  type SliceBox,
  type SlicePoint,
} from "./prompts.js";
import type { Skipped } from "./skipped.js";

/** What a command line says about the objects in a volume. */
export interface VolumePromptOptions {
  readonly box?: readonly Box[];
  readonly point?: readonly LabelledPoint[];
  readonly slice?: number;
  readonly sliceBox?: readonly SliceBox[];
  readonly slicePoint?: readonly SlicePoint[];
  readonly box3d?: readonly Box3d[];
  readonly recist?: readonly RecistOption[];
  readonly mask?: string;
  readonly promptsFrom?: string;
  readonly everySlice?: boolean;
  readonly pieces?: boolean;
  readonly widen?: Margin;
  readonly jitter?: number;
  readonly seed?: number;
}

/** @throws UsageError when it is not clear what to segment. */
export function checkVolumePrompts(options: VolumePromptOptions): void {
  const { box, point, slice, sliceBox, slicePoint, box3d, recist, mask, promptsFrom } = options;
  const [lines, markers] = recistParts(recist);
  const drawn = [box, point, sliceBox, slicePoint, box3d].some((given) => given !== undefined) || lines.length > 0; // prettier-ignore
  const files = [
    ...markers.map(() => "--recist FILE"),
    ...(mask === undefined ? [] : ["--mask"]),
    ...(promptsFrom === undefined ? [] : ["--prompts-from"]),
  ];
  if (!drawn && files.length === 0)
    throw new UsageError(
      "no prompt: expected --box x0,y0,x1,y1 --slice k, --point x,y --slice k, or --recist, --slice-box, --slice-point, " +
        "--box3d, --mask or --prompts-from",
    );
  if (files.length > 0 && (drawn || files.length > 1))
    throw new UsageError(`${files[0]} goes without other prompts: its labels are the objects`);
  if (slice !== undefined && box === undefined && point === undefined && lines.length === 0)
    throw new UsageError(
      "--slice goes with --box, --point and --recist: it is the slice that they are drawn in",
    );
  const boxes = (box?.length ?? 0) + lines.length;
  if (point !== undefined && boxes > 1)
    throw new UsageError(
      `--point with ${boxes} boxes: it is not clear which object the points mean; give one box, or no points`,
    );
  const { everySlice, pieces, widen, jitter, seed } = options;
  const alone = Object.entries({ "--every-slice": everySlice, "--pieces": pieces, "--widen": widen, "--jitter": jitter, "--seed": seed }); // prettier-ignore
  const [flag] = alone.find(([, given]) => given !== undefined) ?? [];
  if (flag !== undefined && promptsFrom === undefined)
    throw new UsageError(`${flag} goes with --prompts-from`);
  if (seed !== undefined && jitter === undefined) throw new UsageError("--seed goes with --jitter");
  const twice = sliceBox?.find(([k], n) => sliceBox.findIndex(([other]) => other === k) !== n);
  if (twice !== undefined)
    throw new UsageError(
      `--slice-box: slice ${twice[0]} has two boxes; they are of one object: give others with --box or --box3d`,
    );
}

/** An object in a volume as plain data: its boxes and points by slice. */
export interface VolumePrompt {
  readonly label: number;
  readonly slices: Readonly<
    Record<string, { readonly box?: Box; readonly points?: readonly LabelledPoint[] }>
  >;
  readonly within?: readonly [first: number, last: number];
}

/** The same for people, of masks too. */
export interface ToldPrompt extends Omit<VolumePrompt, "slices"> {
  readonly slices: Readonly<
    Record<
      string,
      VolumePrompt["slices"][string] & {
        readonly mask?: { readonly pixels: number; readonly box?: PixelBox };
      }
    >
  >;
}

export function toPrompts(objects: readonly VolumeObject[]): ToldPrompt[] {
  return objects.map(({ label, prompts, within }) => ({
    ...{ label, slices: Object.fromEntries([...prompts].map(([slice, prompt]) => [slice, told(prompt)])) },
    ...(within && { within }),
  }));
}

function told({ box, pointCoords, pointLabels = [], mask }: SlicePrompt): ToldPrompt["slices"][string] {
  return {
    ...(box && { box }),
    ...(pointCoords && { points: pointCoords.map((point, n) => ({ point, label: pointLabels[n] })) }),
    ...(mask && { mask: { pixels: maskArea(mask), box: maskBox(mask) } }),
  };
}

export function fromPrompts(prompts: readonly VolumePrompt[]): VolumeObject[] {
  return prompts.map(({ slices, ...others }) => ({
    ...others,
    prompts: new Map(
      Object.entries(slices).map(([slice, { box, points = [] }]) => [Number(slice), promptOf(box, points)]),
    ),
  }));
}

function promptOf(box: Box | undefined, points: readonly LabelledPoint[]): SlicePrompt {
  return { ...(box && { box }), ...pointPrompt(points) };
}

/**
 * The objects of a volume's rows in a table: a row each, but those with the same `object` together. One that has a row
 * which cannot be used, or which is not clear, is skipped: half of its prompts would give another object.
 */
export function volumePrompts(rows: readonly (ManifestRow | BadRow)[]): {
  readonly objects: VolumePrompt[];
  readonly rows: Readonly<Record<number, readonly number[]>>;
  readonly skipped: Skipped[];
} {
  const byObject = new Map<string, (ManifestRow | BadRow)[]>();
  for (const [n, row] of rows.entries()) {
    const key = row.object === undefined ? `row ${n}` : `object ${row.object}`;
    byObject.set(key, [...(byObject.get(key) ?? []), row]);
  }
  const objects: VolumeObject[] = [];
  const rowsOf: Record<number, readonly number[]> = {};
  const skipped: Skipped[] = [];
  for (const [index, own] of [...byObject.values()].entries()) {
    const label = index + 1;
    rowsOf[label] = own.map(({ row }) => row);
    try {
      const good = own.map((row) => {
        if (isBad(row)) throw new UsageError(row.error);
        return row;
      });
      objects.push({ label, ...objectOf(good) });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      skipped.push({ value: label, rows: rowsOf[label], error: error.message });
    }
  }
  return { objects: toPrompts(objects), rows: rowsOf, skipped };
}

/** @throws UsageError for a row without a place, or two rows in one slice. */
function objectOf(rows: readonly ManifestRow[]): Pick<VolumeObject, "prompts" | "within"> {
  const prompts = new Map<number, SlicePrompt>();
  for (const { box, points = [], slice, slices } of rows) {
    if (slices !== undefined) {
      if (rows.length > 1)
        throw new UsageError("has a 3D box and others; expected one row, or a row a slice");
      if (box === undefined || points.length > 0)
        throw new UsageError("has z0 and z1 with points; expected a box, or points with a slice");
      const [x0, y0, x1, y1] = box;
      return solidObject([x0, y0, slices[0], x1, y1, slices[1]]);
    }
    if (slice === undefined)
      throw new UsageError("has a box or points without a slice; other rows of this volume name theirs");
    if (prompts.has(slice)) throw new UsageError(`has two rows in slice ${slice}; expected one`);
    prompts.set(slice, promptOf(box, points));
  }
  return { prompts };
}

/** What is to be found in a volume. */
export interface AskedObjects {
  readonly objects: readonly VolumeObject[];
  /** The ground truth that they were taken from. */
  readonly truth?: LabelVolume;
}

/** The objects that a command line names, or those in a ground truth. */
export async function objectsOf(
  volume: Volume,
  axis: Axis,
  options: VolumePromptOptions,
): Promise<AskedObjects> {
  const { box = [], point = [], sliceBox = [], slicePoint = [], box3d = [], mask, promptsFrom } = options;
  const { slice = onlySlice(volume, axis, options) } = options;
  const [lines, [markers]] = recistParts(options.recist);
  const file = mask ?? promptsFrom ?? markers;
  if (file !== undefined) {
    const labels = await readLabelVolumeFile(file, volume, file === markers ? MARKER_ARRAYS : undefined);
    assertSameGeometry(volume, labels, file);
    if (mask !== undefined) return { objects: objectsFromMasks(labels, axis) };
    if (file === markers) return { objects: objectsFromMarkers(labels, axis) };
    const { everySlice, pieces = false, widen, jitter, seed } = options;
    const objects = objectsFromLabels(labels, {
      ...{ axis, pieces, slices: everySlice ? "every" : "middle" },
      ...(widen !== undefined && { margin: widen }),
      ...(jitter !== undefined && { jitter }),
      ...(seed !== undefined && { seed }),
    });
    return { objects, truth: labels };
  }
  const boxes = [...box, ...lines.map((line) => recistBox(line, planeOf(volume.size, axis, 0)))];
  const flat = (point.length > 0 ? [promptOf(boxes[0], point)] : boxes.map((one) => promptOf(one, []))).map(
    (prompt) => ({ prompts: new Map([[slice, prompt]]) }),
  );
  const followed = followedObject(sliceBox, slicePoint);
  const solid = box3d.map(solidObject);
  return {
    objects: [...flat, ...followed, ...solid].map((object, index) => ({ label: index + 1, ...object })),
  };
}

/** Arrays of an npz that mark lines: MedSAM2's script reads `recist`. */
const MARKER_ARRAYS = ["recist", "segs", "gts"];

/** Lines, and files that mark some. */
function recistParts(given: readonly RecistOption[] = []): [lines: RecistLine[], files: string[]] {
  return [
    given.filter((one): one is RecistLine => typeof one !== "string"),
    given.filter((one): one is string => typeof one === "string"),
  ];
}

/** All that is given with its slice is of one object. */
function followedObject(
  boxes: readonly SliceBox[],
  points: readonly SlicePoint[],
): Pick<VolumeObject, "prompts">[] {
  const slices = [...new Set([...boxes, ...points].map(([slice]) => slice))];
  if (slices.length === 0) return [];
  const prompts = new Map(
    slices.map((slice) => {
      const own = points.filter(([at]) => at === slice).map(([, point]) => point);
      return [slice, promptOf(boxes.find(([at]) => at === slice)?.[1], own)];
    }),
  );
  return [{ prompts }];
}

/** Of a volume with one slice there is nothing to choose. */
function onlySlice({ name, size }: Volume, axis: Axis, { box, point, recist }: VolumePromptOptions): number {
  const [[line]] = recistParts(recist);
  const [flag] = Object.entries({ "--box": box, "--point": point, "--recist": line }).find(([, given]) => given !== undefined) ?? []; // prettier-ignore
  if (flag !== undefined && size[axis] > 1)
    throw new UsageError(
      `${name}: has ${size[axis]} slices; expected --slice 0 to ${size[axis] - 1}, the one that ${flag} is drawn in`,
    );
  return 0;
}

/** A 3D box prompts its middle slice, and the object does not leave it. */
export function solidObject([x0, y0, z0, x1, y1, z1]: Box3d): Pick<VolumeObject, "prompts" | "within"> {
  return { prompts: boxPrompts([[Math.floor((z0 + z1) / 2), [x0, y0, x1, y1]]]), within: [z0, z1] };
}
