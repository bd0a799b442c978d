import { MASK_COLOURS } from "../../src/image/overlay.js";

/** Red, green, blue, 0..255. */
export type Rgb = readonly [number, number, number];

export const WHITE: Rgb = [255, 255, 255];

/** The colours of the library's overlays, in their order, so that a picture and the page look alike. */
export function colourOf(number: number): Rgb {
  return MASK_COLOURS[number % MASK_COLOURS.length];
}

export const COLOUR_COUNT = MASK_COLOURS.length;

export function css([r, g, b]: Rgb, alpha = 1): string {
  return `rgb(${r} ${g} ${b} / ${alpha})`;
}
