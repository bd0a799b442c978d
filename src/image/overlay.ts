import { drawBox, drawDisc, blend, type Canvas, type Colour } from "./draw.js";
import { FULL_RANGE, scaleIntensity } from "./intensity.js";
import type { Mask } from "./mask.js";
import { ImageError, toRgb, type PixelImage } from "./pixels.js";

/** What is drawn over an image. Coordinates are pixels of the image. */
export interface Overlay {
  readonly masks?: readonly Mask[];
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
export function drawOverlay(image: PixelImage, { masks = [], boxes = [], points = [] }: Overlay): PixelImage {
  const { width, height } = image;
  const canvas: Canvas = {
    width,
    height,
    data: Uint8Array.from(toRgb(scaleIntensity(image, FULL_RANGE)).data),
  };
  const line = Math.max(1, Math.round(Math.max(width, height) / 400));
  for (const [k, mask] of masks.entries()) {
    if (mask.width !== width || mask.height !== height)
      throw new ImageError(
        `mask ${k} is ${mask.width} x ${mask.height}; expected ${width} x ${height}, the size of the image`,
      );
    drawMask(canvas, mask, line, maskColour(k));
  }
  for (const [k, box] of boxes.entries()) drawBox(canvas, box, line, maskColour(k));
  for (const { x, y, foreground } of points) {
    drawDisc(canvas, x, y, 3 * line, RIM);
    drawDisc(canvas, x, y, 2 * line, foreground ? FOREGROUND : BACKGROUND);
  }
  return { width, height, channels: 3, data: canvas.data };
}

/** A tint inside the mask and a full line along its inner edge. */
function drawMask(canvas: Canvas, mask: Mask, line: number, colour: Colour): void {
  const { width, height } = mask;
  const depth = edgeDistance(mask, line + 1);
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++)
      if (depth[i] > 0) blend(canvas, x, y, colour, depth[i] <= line ? 1 : INSIDE);
}

/**
 * How many steps (to one of 8 neighbours) each pixel is inside the mask: 1 at its edge, up to `limit`; 0 outside.
 * The border of the image is no edge of the mask. One pass down and one up.
 */
function edgeDistance({ width, height, data }: Mask, limit: number): Uint8Array {
  const depth = Uint8Array.from(data, (value) => (value ? limit : 0));
  const relax = (x: number, y: number, nx: number, ny: number) => {
    if (nx < 0 || ny < 0 || nx >= width || ny >= height) return;
    const i = y * width + x;
    depth[i] = Math.min(depth[i], depth[ny * width + nx] + 1);
  };
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (depth[y * width + x] === 0) continue;
      relax(x, y, x - 1, y);
      for (const dx of [-1, 0, 1]) relax(x, y, x + dx, y - 1);
    }
  for (let y = height - 1; y >= 0; y--)
    for (let x = width - 1; x >= 0; x--) {
      if (depth[y * width + x] === 0) continue;
      relax(x, y, x + 1, y);
      for (const dx of [-1, 0, 1]) relax(x, y, x + dx, y + 1);
    }
  return depth;
}
