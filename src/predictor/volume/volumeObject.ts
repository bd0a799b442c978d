import type { Mask } from "../../image/mask.js";
import { boxWarning, checkPrompt } from "../checkPrompt.js";
import { PromptError, type Prompt } from "../types.js";
import type { Frames } from "./frames.js";

/** What is said of an object in one slice: any mix of points and one box, or the object itself. */
export interface SlicePrompt extends Omit<Prompt, "maskInput"> {
  /** The object, of the slice's size: it goes without points and box. */
  readonly mask?: Mask;
}

/** What is to be found in a volume. */
export interface VolumeObject {
  /** Value of its voxels, 1 to 65535. Several objects may have the same: pieces of one. */
  readonly label: number;
  /** In which slices it is prompted, one at least, by the slice's number. */
  readonly prompts: ReadonlyMap<number, SlicePrompt>;
  /** First and last slice that it may reach; default: all. */
  readonly within?: readonly [first: number, last: number];
}

/** Boxes by slice as prompts. */
export function boxPrompts(
  boxes: Iterable<readonly [slice: number, box: NonNullable<Prompt["box"]>]>,
): Map<number, SlicePrompt> {
  return new Map([...boxes].map(([slice, box]) => [slice, { box }]));
}

/**
 * Checks objects for some frames.
 *
 * @returns the objects, their boxes cut to the frame.
 * @throws PromptError naming the object, the slice and what is wrong there.
 */
export function checkObjects(frames: Frames, objects: readonly VolumeObject[]): VolumeObject[] {
  const { name, count, unit = "slice" } = frames;
  if (objects.length === 0) throw new PromptError(`${name}: no object to segment; give a prompt`);
  return objects.map((object) => {
    const { label, prompts, within: [first, last] = [0, count - 1] } = object;
    const fail = (what: string) => new PromptError(`${name}: object ${label} ${what}`);
    if (!Number.isInteger(label) || label < 1 || label > 65535)
      throw fail("is no label; expected 1 to 65535");
    if (prompts.size === 0) throw fail(`has no prompt; give one in one ${unit} at least`);
    if (!(first >= 0 && first <= last && last < count))
      throw fail(`may reach ${unit}s ${first} to ${last}; there are 0 to ${count - 1}`);
    const checked = [...prompts].map(([slice, prompt]): [number, SlicePrompt] => {
      if (!Number.isInteger(slice) || slice < first || slice > last)
        throw fail(`is prompted in ${unit} ${slice}; expected one of ${first} to ${last}`);
      try {
        return [slice, checkSlicePrompt(prompt, frames)];
      } catch (error) {
        if (!(error instanceof PromptError)) throw error;
        throw fail(`in ${unit} ${slice}: ${error.message}`);
      }
    });
    return { ...object, prompts: new Map(checked) };
  });
}

function checkSlicePrompt({ mask, ...prompt }: SlicePrompt, { width, height }: Frames): SlicePrompt {
  if (mask === undefined) return checkPrompt(prompt, { width, height, maskSide: 0 });
  if (prompt.box !== undefined || (prompt.pointCoords ?? []).length > 0)
    throw new PromptError("a mask with a box or points; expected one of both");
  if (mask.width !== width || mask.height !== height || mask.data.length !== width * height)
    throw new PromptError(
      `mask of ${mask.width} x ${mask.height} with ${mask.data.length} pixels; expected ${width} x ${height}`,
    );
  if (!mask.data.some((value) => value !== 0)) throw new PromptError("the mask has no pixel");
  return { mask };
}

/** What to say of boxes that stick out of their slice by a pixel or more. */
export function boxWarnings(frames: Frames, objects: readonly VolumeObject[]): string[] {
  return objects.flatMap(({ label, prompts }) =>
    [...prompts].flatMap(([slice, prompt]) => {
      const warning = boxWarning(prompt, frames);
      return warning === undefined
        ? []
        : [`${frames.name}: object ${label}, ${frames.unit ?? "slice"} ${slice}: ${warning}`];
    }),
  );
}
