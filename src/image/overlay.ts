import { drawBox, drawDisc, blend, type Canvas, type Colour } from "./draw.js";
import { FULL_RANGE, scaleIntensity } from "./intensity.js";
import { maskBox, type Mask, type PixelBox } from "./mask.js";
import { ImageError, toRgb, type PixelImage } from "./pixels.js";

/** What is drawn over an image. Coordinates are pixels of the image. */
export interface Overlay {
  readonly masks?: readonly Mask[];
  /** Masks of which only the outline is drawn, in white: a ground truth. */
  readonly outlines?: readonly Mask[];
  /** Left, top, right, bottom. Box `k` has the colour of mask `k`. */
  readonly boxes?: readonly (readonly [number, number, number, number])[];
  readonly points?: readonly { readonly x: number; readonly y: number; readonly foreground: boolean }[];
}

/** Colours of the masks in turn. The first is MedSAM's own; the others are far from it and from each other. */
export const MASK_COLOURS: readonly Colour[] = [
  [251, 252, 30],
  [0, 190, 255],
  [255, 80, 160],
  [70, 230, 100],
  [255, 145, 30],
  [165, 110, 255],
  [0, 225, 195],
  [255, 75, 65],
  [185, 235, 60],
  [95, 140, 255],
];

const INSIDE = 0.45;
const FOREGROUND: Colour = [40, 220, 70];
const BACKGROUND: Colour = [235, 50, 50];
const RIM: Colour = [255, 255, 255];

/** The colour of mask or box `k`. */
export function maskColour(k: number): Colour {
  return MASK_COLOURS[k % MASK_COLOURS.length];
}

/**
 * The image with coloured masks, their outlines, boxes and points: an 8-bit RGB picture of the same size. Images
 * of other depths are stretched to 8 bits for this. Lines grow with the image, so that they look alike at any
 * size.
 *
 * @throws ImageError when a mask is not of the image's size.
 */
export function drawOverlay(
  image: PixelImage,
  { masks = [], outlines = [], boxes = [], points = [] }: Overlay,
): PixelImage {
  const { width, height } = image;
  const canvas: Canvas = {
    width,
    height,
    data: Uint8Array.from(toRgb(scaleIntensity(image, FULL_RANGE)).data),
  };
  const line = Math.max(1, Math.round(Math.max(width, height) / 400));
  for (const [k, mask] of [...masks, ...outlines].entries()) {
    if (mask.width !== width || mask.height !== height)
      throw new ImageError(
        `mask ${k} is ${mask.width} x ${mask.height}; expected ${width} x ${height}, the size of the image`,
      );
    if (k < masks.length) drawMask(canvas, mask, line, maskColour(k), INSIDE);
    else drawMask(canvas, mask, line, RIM, 0);
  }
  for (const [k, box] of boxes.entries()) drawBox(canvas, box, line, maskColour(k));
  for (const { x, y, foreground } of points) {
    drawDisc(canvas, x, y, 3 * line + 1, RIM);
    drawDisc(canvas, x, y, 2 * line, foreground ? FOREGROUND : BACKGROUND);
  }
  return { width, height, channels: 3, data: canvas.data };
}

/** A full line along the mask's inner edge, and a tint inside it. */
function drawMask(canvas: Canvas, mask: Mask, line: number, colour: Colour, tint: number): void {
  const box = maskBox(mask);
  if (box === undefined) return;
  const [x0, y0, x1, y1] = box;
  const depth = edgeDistance(mask, box, line + 1);
  for (let y = y0; y <= y1; y++)
    for (let x = x0; x <= x1; x++) {
      const steps = depth[y * mask.width + x];
      if (steps > 0) blend(canvas, x, y, colour, steps <= line ? 1 : tint);
    }
}

/**
 * How many steps (to one of 8 neighbours) each pixel is inside the mask: 1 at its edge, up to `limit`; 0 outside.
 * The border of the image is no edge of the mask. One pass down and one up.
 */
function edgeDistance({ width, height, data }: Mask, [x0, y0, x1, y1]: PixelBox, limit: number): Uint8Array {
  const depth = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) if (data[i]) depth[i] = limit;
  const at = (x: number, y: number) =>
    x < 0 || y < 0 || x >= width || y >= height ? limit : depth[y * width + x];
  for (let y = y0; y <= y1; y++)
    for (let x = x0; x <= x1; x++) {
      const least = Math.min(at(x - 1, y), at(x - 1, y - 1), at(x, y - 1), at(x + 1, y - 1));
      depth[y * width + x] = Math.min(depth[y * width + x], least + 1);
    }
  for (let y = y1; y >= y0; y--)
    for (let x = x1; x >= x0; x--) {
      const least = Math.min(at(x + 1, y), at(x + 1, y + 1), at(x, y + 1), at(x - 1, y + 1));
      depth[y * width + x] = Math.min(depth[y * width + x], least + 1);
    }
  return depth;
}
