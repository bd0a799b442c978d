import { PromptError, type Box, type Point, type Prompt } from "./types.js";

export interface PromptBounds {
  readonly width: number;
  readonly height: number;
  /** Side of the decoder's low-resolution logits. */
  readonly maskSide: number;
}

/** @throws PromptError saying which part of the prompt cannot be used on an image of this size, and why. */
export function checkPrompt(prompt: Prompt, bounds: PromptBounds): void {
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
    const { width, height, data } = maskInput;
    const side = bounds.maskSide;
    if (width !== side || height !== side || data.length !== side * side)
      throw new PromptError(
        `maskInput is ${width} x ${height} with ${data.length} values; expected the ${side} x ${side} ` +
          `lowResLogits of an earlier prediction with this model`,
      );
    if (!data.every(Number.isFinite))
      throw new PromptError("maskInput has values that are not finite numbers");
  }
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

function checkPoint([x, y]: Point, what: string, { width, height }: PromptBounds): void {
  if (!Number.isFinite(x) || !Number.isFinite(y))
    throw new PromptError(`${what} is [${x}, ${y}]; expected finite numbers`);
  if (x < 0 || y < 0 || x > width || y > height)
    throw new PromptError(`${what} at [${x}, ${y}] lies outside the image of ${width} x ${height} pixels`);
}

function checkBox(box: Box, { width, height }: PromptBounds): void {
  const [x0, y0, x1, y1] = box;
  if (box.length !== 4 || !box.every(Number.isFinite))
    throw new PromptError(`box [${box}]: expected four finite numbers x0, y0, x1, y1`);
  if (x1 <= x0 || y1 <= y0)
    throw new PromptError(
      `box [${box}] is empty or turned around; expected x0 < x1 and y0 < y1 (left, top, right, bottom)`,
    );
  if (x0 < 0 || y0 < 0 || x1 > width || y1 > height) {
    const clipped = [Math.max(x0, 0), Math.max(y0, 0), Math.min(x1, width), Math.min(y1, height)];
    const apart = clipped[2] <= clipped[0] || clipped[3] <= clipped[1];
    throw new PromptError(
      `box [${box}] lies ${apart ? "wholly" : "partly"} outside the image of ${width} x ${height} pixels` +
        (apart ? "" : `; the part inside is [${clipped}]`),
    );
  }
}
