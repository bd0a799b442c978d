import type { PixelImage } from "../../src/image/pixels.js";
import type { Point } from "../../src/predictor/types.js";

/** A place of an image and its stored value, for people; empty outside. */
export function valueAt({ width, height, channels, data }: PixelImage, at: Point): string {
  const [x, y] = [Math.floor(Math.min(at[0], width - 1)), Math.floor(Math.min(at[1], height - 1))];
  if (x < 0 || y < 0 || at[0] > width || at[1] > height) return "";
  const first = (y * width + x) * channels;
  const values = Array.from(data.subarray(first, first + channels), shown);
  return `${x}, ${y}: ${values.join(" ")}`;
}

const shown = (value: number): string => (Number.isNaN(value) ? "not measured" : String(+value.toFixed(2)));
