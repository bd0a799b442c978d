import type { PixelImage } from "../../src/image/pixels.js";
import type { ImageInfo } from "../workers/imageWorker.js";

/** Which values are shown from black to white, as radiologists say it. */
export interface DisplayWindow {
  readonly centre: number;
  readonly width: number;
}

/** The window that shows all values. */
export function fullWindow([low, high]: readonly [number, number]): DisplayWindow {
  return { centre: (low + high) / 2, width: Math.max(high - low, Number.EPSILON) };
}

/** CT windows by name, as level and width in Hounsfield units. @see src/image/intensity.ts */
export const CT_WINDOWS: readonly (readonly [string, number, number])[] = [
  ["CT soft tissue", 40, 400],
  ["CT lung", -600, 1500],
  ["CT brain", 40, 80],
  ["CT bone", 400, 1800],
  ["CT mediastinum", 50, 350],
];

/** How an image is shown at first: as its file says, CT as soft tissue, bytes as they are, others with all values. */
export function firstWindow({ windows, modality, eightBit, range }: ImageInfo): DisplayWindow {
  const [, centre, width] = CT_WINDOWS[0];
  if (windows.length > 0) return windows[0];
  if (modality === "CT") return { centre, width };
  return fullWindow(eightBit ? [0, 255] : range);
}

/** The image in RGBA for the screen. Only this goes near a canvas, never the values themselves. */
export function paint(
  { width, height, channels, data }: PixelImage,
  { centre, width: span }: DisplayWindow,
): ImageData {
  const out = new Uint8ClampedArray(4 * width * height);
  const [low, factor] = [centre - span / 2, 255 / span];
  for (let from = 0, to = 0; to < out.length; to += 4) {
    const value = (data[from++] - low) * factor;
    out[to] = value;
    out[to + 1] = channels === 1 ? value : (data[from++] - low) * factor;
    out[to + 2] = channels === 1 ? value : (data[from++] - low) * factor;
    out[to + 3] = 255;
  }
  return new ImageData(out, width, height);
}

/** A window after a drag by so many pixels: left and right change its width, up and down its level, as in other viewers. */
export function dragged(
  { centre, width }: DisplayWindow,
  [low, high]: readonly [number, number],
  dx: number,
  dy: number,
): DisplayWindow {
  const step = Math.max(high - low, 1e-6) / 500;
  return { centre: centre + dy * step, width: Math.max(width + dx * step, step) };
}
