import { objectsFromLabels } from "../predictor/objectsFromLabels.js";
import type { Box } from "../predictor/types.js";
import type { VolumeObject } from "../predictor/volumeObject.js";
import type { Margin } from "../predictor/volumeTrack.js";
import { assertSameGeometry } from "../volume/labels.js";
import { readLabelVolumeFile } from "../volume/read.node.js";
import type { Axis } from "../volume/values.js";
import type { Volume } from "../volume/volume.js";
import { UsageError } from "./errors.js";
import type { ManifestRow } from "./manifest.js";
import type { Box3d, SliceBox } from "./prompts.js";

/** What a command line says about the objects in a volume. */
export interface VolumePromptOptions {
  readonly box?: readonly Box[];
  readonly slice?: number;
  readonly sliceBox?: readonly SliceBox[];
  readonly box3d?: readonly Box3d[];
  readonly promptsFrom?: string;
  readonly everySlice?: boolean;
  readonly pieces?: boolean;
  readonly widen?: Margin;
  readonly jitter?: number;
  readonly seed?: number;
}

/** @throws UsageError when it is not clear what to segment. */
export function checkVolumePrompts(options: VolumePromptOptions): void {
  const { box, slice, sliceBox, box3d, promptsFrom } = options;
  const typed = [box, sliceBox, box3d].some((given) => given !== undefined);
  if (!typed && promptsFrom === undefined)
    throw new UsageError(
      "no prompt: expected --box x0,y0,x1,y1 --slice k, or --slice-box, --box3d or --prompts-from",
    );
  if (promptsFrom !== undefined && typed)
    throw new UsageError("--prompts-from goes without --box, --slice-box and --box3d");
  if (slice !== undefined && box === undefined)
    throw new UsageError("--slice goes with --box: it is the slice that the boxes are drawn in");
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

/** An object in a volume as plain data: its boxes by slice. */
export interface VolumePrompt {
  readonly label: number;
  readonly boxes: Readonly<Record<string, Box>>;
  readonly within?: readonly [first: number, last: number];
}

export function toPrompts(objects: readonly VolumeObject[]): VolumePrompt[] {
  return objects.map(({ label, boxes, within }) => ({
    ...{ label, boxes: Object.fromEntries(boxes) },
    ...(within && { within }),
  }));
}

export function fromPrompts(prompts: readonly VolumePrompt[]): VolumeObject[] {
  return prompts.map(({ boxes, ...others }) => ({
    ...others,
    boxes: new Map(Object.entries(boxes).map(([slice, box]) => [Number(slice), box])),
  }));
}

/**
 * The objects of a volume's rows in a table: a row each, but those with the same `object` together.
 *
 * @throws UsageError for a row without a place, or two boxes of an object in one slice.
 */
export function volumePrompts(rows: readonly ManifestRow[], where: string): VolumePrompt[] {
  const byObject = new Map<string, ManifestRow[]>();
  for (const [n, row] of rows.entries()) {
    const key = row.object === undefined ? `row ${n}` : `object ${row.object}`;
    byObject.set(key, [...(byObject.get(key) ?? []), row]);
  }
  const objects = [...byObject.values()].map((own, index): VolumeObject => {
    const fail = (what: string) => new UsageError(`${where}, object ${index + 1}: ${what}`);
    const boxes = new Map<number, Box>();
    for (const { box, slice, slices } of own) {
      if (box === undefined) throw fail("has no box");
      const [x0, y0, x1, y1] = box;
      if (slices !== undefined) {
        if (own.length > 1) throw fail("has a 3D box and others; expected one row, or a box a slice");
        return { label: index + 1, ...solidObject([x0, y0, slices[0], x1, y1, slices[1]]) };
      }
      if (slice === undefined) throw fail("has a box without a slice; other rows of this volume name theirs");
      if (boxes.has(slice)) throw fail(`has two boxes in slice ${slice}; expected one`);
      boxes.set(slice, box);
    }
    return { label: index + 1, boxes };
  });
  return toPrompts(objects);
}

/** The objects that a command line names, or those in a ground truth. */
export async function objectsOf(
  volume: Volume,
  axis: Axis,
  options: VolumePromptOptions,
): Promise<VolumeObject[]> {
  const {
    box = [],
    slice = onlySlice(volume, axis, options),
    sliceBox = [],
    box3d = [],
    promptsFrom,
  } = options;
  if (promptsFrom !== undefined) {
    const labels = await readLabelVolumeFile(promptsFrom, volume);
    assertSameGeometry(volume, labels, promptsFrom);
    const { everySlice, pieces = false, widen, jitter, seed } = options;
    return objectsFromLabels(labels, {
      ...{ axis, pieces, slices: everySlice ? "every" : "middle" },
      ...(widen !== undefined && { margin: widen }),
      ...(jitter !== undefined && { jitter }),
      ...(seed !== undefined && { seed }),
    });
  }
  const flat = box.map((one) => ({ boxes: new Map([[slice, one]]) }));
  const followed = sliceBox.length === 0 ? [] : [{ boxes: new Map(sliceBox) }];
  const solid = box3d.map(solidObject);
  return [...flat, ...followed, ...solid].map((object, index) => ({ label: index + 1, ...object }));
}

/** Of a volume with one slice there is nothing to choose. */
function onlySlice({ name, size }: Volume, axis: Axis, { box }: VolumePromptOptions): number {
  if (box !== undefined && size[axis] > 1)
    throw new UsageError(
      `${name}: has ${size[axis]} slices; expected --slice 0 to ${size[axis] - 1}, the one that --box is drawn in`,
    );
  return 0;
}

/** A 3D box prompts its middle slice, and the object does not leave it. */
export function solidObject([x0, y0, z0, x1, y1, z1]: Box3d): Pick<VolumeObject, "boxes" | "within"> {
  const box: Box = [x0, y0, x1, y1];
  return { boxes: new Map([[Math.floor((z0 + z1) / 2), box]]), within: [z0, z1] };
}
