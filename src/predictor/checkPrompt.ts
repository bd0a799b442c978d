import type { Region } from "../image/crop.js";
import { PromptError, type Box, type Point, type Prompt } from "./types.js";

export interface PromptBounds {
  readonly width: number;
  readonly height: number;
  /** Side of the decoder's low-resolution logits. */
  readonly maskSide: number;
}

/**
 * Checks a prompt for an image of this size.
 *
 * @returns the prompt, its box cut to the image; `boxWarning` tells whether that takes something away.
 * @throws PromptError saying which part of the prompt cannot be used, and why.
 */
export function checkPrompt(prompt: Prompt, bounds: PromptBounds): Prompt {
  const { pointCoords, pointLabels, box, maskInput } = prompt;
  const points = pointCoords ?? [];
  if (points.length === 0 && box === undefined && maskInput === undefined)
    throw new PromptError(
      "empty prompt: expected a box, at least one point, or a mask of an earlier prediction",
    );
  checkLabels(points, pointLabels ?? []);
  for (const [index, point] of points.entries()) checkPoint(point, `point ${index + 1}`, bounds);
  if (box !== undefined) checkBox(box, bounds);
  if (maskInput !== undefined) {
    const { width, height, data, region } = maskInput;
    const side = bounds.maskSide;
    if (width !== side || height !== side || data.length !== side * side)
      throw new PromptError(
        `maskInput is ${width} x ${height} with ${data.length} values; expected the ${side} x ${side} ` +
          `lowResLogits of an earlier prediction with this model`,
      );
    if (!data.every(Number.isFinite))
      throw new PromptError("maskInput has values that are not finite numbers");
    if (region !== undefined) checkRegion(region, points, box, bounds);
  }
  return box === undefined ? prompt : { ...prompt, box: cutBox(box, bounds) };
}

/**
 * What to say of a box that sticks out of the image by a pixel or more; less is rounding, and not worth a word.
 *
 * @param bounds size of the image in pixels.
 * @returns undefined where there is nothing to say.
 */
export function boxWarning(
  { box }: Prompt,
  bounds: { readonly width: number; readonly height: number },
): string | undefined {
  if (box === undefined) return undefined;
  const cut = cutBox(box, bounds);
  if (box.every((side, i) => Math.abs(side - cut[i]) < 1)) return undefined;
  return `box [${box}] lies partly outside ${named(bounds)}; only the part inside is used: [${cut}]`;
}

function cutBox([x0, y0, x1, y1]: Box, { width, height }: Pick<PromptBounds, "width" | "height">): Box {
  return [Math.max(x0, 0), Math.max(y0, 0), Math.min(x1, width), Math.min(y1, height)];
}

/** Some callers do not know the image yet. */
function named({ width, height }: Pick<PromptBounds, "width" | "height">): string {
  return Number.isFinite(width) ? `the image of ${width} x ${height} pixels` : "any image";
}

function checkRegion(
  { x, y, width, height }: Region,
  points: readonly Point[],
  box: Box | undefined,
  image: PromptBounds,
): void {
  const columnsAndRows = `columns ${x} to ${x + width} and rows ${y} to ${y + height}`;
  const isWhole = [x, y, width, height].every(Number.isInteger) && width > 0 && height > 0;
  if (!isWhole || x < 0 || y < 0 || x + width > image.width || y + height > image.height)
    throw new PromptError(
      `maskInput lies on ${columnsAndRows}, which is no part of the image of ${image.width} x ${image.height} pixels; ` +
        "expected a mask that was predicted on this image",
    );
  const corners: readonly Point[] = box === undefined ? [] : [[box[0], box[1]], [box[2], box[3]]]; // prettier-ignore
  // A crop of the box's own size begins at a whole pixel, and may lack a part of one.
  for (const [px, py] of [...points, ...corners])
    if (px < x - 1 || py < y - 1 || px > x + width + 1 || py > y + height + 1)
      throw new PromptError(
        `[${px}, ${py}] lies outside the part of the image that maskInput was predicted on, ${columnsAndRows}; ` +
          "predict without maskInput first",
      );
}

function checkLabels(points: readonly Point[], labels: readonly number[]): void {
  if (points.length !== labels.length)
    throw new PromptError(`${points.length} points with ${labels.length} labels; expected one label a point`);
  for (const [index, label] of labels.entries()) {
    if (label !== 0 && label !== 1)
      throw new PromptError(
        `label of point ${index + 1} is ${label}; expected 1 (in the object) or 0 (outside it)`,
      );
  }
}

function checkPoint([x, y]: Point, what: string, bounds: PromptBounds): void {
  const { width, height } = bounds;
  if (!Number.isFinite(x) || !Number.isFinite(y))
    throw new PromptError(`${what} is [${x}, ${y}]; expected finite numbers`);
  if (x < 0 || y < 0 || x > width || y > height)
    throw new PromptError(`${what} at [${x}, ${y}] lies outside ${named(bounds)}`);
}

function checkBox(box: Box, bounds: PromptBounds): void {
  const [x0, y0, x1, y1] = box;
  if (box.length !== 4 || !box.every(Number.isFinite))
    throw new PromptError(`box [${box}]: expected four finite numbers x0, y0, x1, y1`);
  if (x1 <= x0 || y1 <= y0)
    throw new PromptError(
      `box [${box}] is empty or turned around; expected x0 < x1 and y0 < y1 (left, top, right, bottom)`,
    );
  const [left, top, right, bottom] = cutBox(box, bounds);
  if (right <= left || bottom <= top)
    throw new PromptError(`box [${box}] lies wholly outside ${named(bounds)}`);
}
