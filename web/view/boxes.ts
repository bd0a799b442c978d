import type { Region } from "../../src/image/crop.js";
import type { Box, Point } from "../../src/predictor/types.js";

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The box between two points, within the image and on whole pixels; undefined when nothing is in it. */
export function boxBetween(a: Point, b: Point, { width, height }: Size): Box | undefined {
  const within = (value: number, most: number) => Math.min(Math.max(Math.round(value), 0), most);
  const [x0, x1] = [Math.min(a[0], b[0]), Math.max(a[0], b[0])].map((x) => within(x, width));
  const [y0, y1] = [Math.min(a[1], b[1]), Math.max(a[1], b[1])].map((y) => within(y, height));
  return x1 > x0 && y1 > y0 ? [x0, y0, x1, y1] : undefined;
}

/** The corner opposite the one that is near a point; undefined when none is near. */
export function oppositeCorner([x0, y0, x1, y1]: Box, at: Point, reach: number): Point | undefined {
  for (const [x, y, otherX, otherY] of [
    [x0, y0, x1, y1],
    [x1, y0, x0, y1],
    [x0, y1, x1, y0],
    [x1, y1, x0, y0],
  ])
    // prettier-ignore
    if (Math.abs(at[0] - x) <= reach && Math.abs(at[1] - y) <= reach) return [otherX, otherY];
  return undefined;
}

/** The nearest place within an image, or within a part of one. */
export function clampPoint([x, y]: Point, part: Size & Partial<Region>): Point {
  const { x: left = 0, y: top = 0, width, height } = part;
  return [Math.min(Math.max(x, left), left + width), Math.min(Math.max(y, top), top + height)];
}
