import { cropImage, cropMask, regionAround, wholeOf, type Region } from "../image/crop.js";
import { drawBox, type Colour } from "../image/draw.js";
import { maskBox, type Mask, type PixelBox } from "../image/mask.js";
import { drawOverlay, maskColour } from "../image/overlay.js";
import type { PixelImage } from "../image/pixels.js";
import { resizeNearest } from "../image/resizeNearest.js";
import { resizePillowBilinear } from "../image/resizePillow.js";
import { drawText } from "../image/text.js";

const TILE = 256;
const GAP = 4;
const COLUMNS = 4;
/** Times an object's longer side that a zoomed tile shows. */
const ZOOM = 2;
/** A zoomed tile shows at least this many pixels of the slice. */
const SMALLEST = 24;
/** A zoomed tile enlarges the slice at least so many times. */
const WORTH = 1.5;
/** With more objects there is one zoomed row, around all of them. */
const MOST_ZOOMED = 3;
/** Frame and number of a slice with a prompt. */
const PROMPTED: Colour = [255, 145, 30];
const GREY: Colour = [210, 210, 210];
const BLACK: Colour = [0, 0, 0];

/** What is drawn of one object in one slice, in the slice's pixels. */
export interface ShownObject {
  readonly found: Mask;
  /** The ground truth, as a white outline. */
  readonly truth?: Mask;
  readonly boxes?: readonly PixelBox[];
  readonly points?: readonly { readonly x: number; readonly y: number; readonly foreground: boolean }[];
}

/** A slice with its objects, the same ones in the same order in every slice of a picture. */
export interface ShownSlice {
  readonly image: PixelImage;
  readonly objects: readonly ShownObject[];
  /** The slice's number. */
  readonly slice?: number;
  readonly prompted?: boolean;
}

/** Millimetres of a slice's pixels: they may be longer than wide, and a tile shows it. */
type Steps = readonly [across: number, down: number];

/** A slice as a tile, and the same with each object large, where that shows more. All slices are zoomed to one place. */
export function tilesOf(shown: readonly ShownSlice[], steps: Steps): (readonly PixelImage[])[] {
  if (shown.length === 0) return [];
  const count = shown[0].objects.length;
  const each = shown[0].objects.map((_, k) => [k]);
  const zoomed = (count > MOST_ZOOMED ? [each.flat()] : each).flatMap((own) => zoomOf(shown, own) ?? []);
  return shown.map((one) => [wholeOf(one.image), ...zoomed].map((region) => tile(one, region, steps)));
}

/** The part of all slices that holds what was found, asked for and true; `undefined` if that is nearly all, or nothing. */
function zoomOf(shown: readonly ShownSlice[], own: readonly number[]): Region | undefined {
  const boxes = shown.flatMap(({ objects }) =>
    own.flatMap((k) => {
      const { found, truth, boxes: asked = [], points = [] } = objects[k];
      const masks = [found, truth].flatMap((mask): PixelBox[] => {
        const box = mask && maskBox(mask);
        return box ? [box] : [];
      });
      const clicks = points.flatMap(({ x, y, foreground }): PixelBox[] => (foreground ? [[x, y, x, y]] : []));
      return [...masks, ...asked, ...clicks];
    }),
  );
  if (boxes.length === 0) return undefined;
  const [x0, y0] = [0, 1].map((side) => Math.min(...boxes.map((box) => box[side])));
  const [x1, y1] = [2, 3].map((side) => Math.max(...boxes.map((box) => box[side])) + 1);
  const factor = Math.max(ZOOM, SMALLEST / Math.max(x1 - x0, y1 - y0));
  const [{ image }] = shown;
  const region = regionAround([x0, y0, x1, y1], factor, image);
  const enlarged = Math.max(image.width, image.height) / Math.max(region.width, region.height);
  return enlarged < WORTH ? undefined : region;
}

/** A part of a slice as large as a tile allows, drawn on in the tile's own pixels. */
function tile(
  { slice, prompted = false, image, objects }: ShownSlice,
  region: Region,
  [across, down]: Steps,
): PixelImage {
  const sides = [region.width * across, region.height * down];
  const scale = TILE / Math.max(...sides);
  const [width, height] = sides.map((side) => Math.max(1, Math.round(side * scale)));
  const [wide, high] = [width / region.width, height / region.height];
  const part = cropImage(image, region);
  const pixels = resizePillowBilinear({ ...part, data: Uint8Array.from(part.data) }, width, height);
  const scaled = (mask: Mask): Mask => {
    const { data } = resizeNearest(cropMask(mask, region), width, height);
    return { width, height, data: Uint8Array.from(data) };
  };
  const drawn = drawOverlay(
    { ...part, width, height, data: Uint8Array.from(pixels) },
    {
      masks: objects.map(({ found }) => scaled(found)),
      outlines: objects.flatMap(({ truth }) => (truth ? [scaled(truth)] : [])),
      points: objects.flatMap(({ points = [] }) =>
        points.map(({ x, y, foreground }) => {
          return { x: (x + 0.5 - region.x) * wide, y: (y + 0.5 - region.y) * high, foreground };
        }),
      ),
    },
  );
  const canvas = { width, height, data: Uint8Array.from(drawn.data) };
  for (const [k, { boxes = [] }] of objects.entries())
    for (const [x0, y0, x1, y1] of boxes) {
      const [left, top] = [(x0 - region.x) * wide, (y0 - region.y) * high];
      const [right, bottom] = [(x1 + 1 - region.x) * wide - 1, (y1 + 1 - region.y) * high - 1];
      drawBox(canvas, [left, top, right, bottom], 1, maskColour(k));
    }
  if (prompted) drawBox(canvas, [1, 1, width - 2, height - 2], 3, PROMPTED);
  if (slice !== undefined)
    drawText(canvas, 9, 9, String(slice), {
      scale: 3,
      colour: prompted ? PROMPTED : GREY,
      background: BLACK,
    });
  return { ...drawn, data: canvas.data };
}

/** Slices with what was found in them as one picture, four beside each other, the zoomed ones below each row. */
export function sheetOf(shown: readonly ShownSlice[], steps: Steps): PixelImage {
  const tiles = tilesOf(shown, steps);
  const rows = [];
  for (let first = 0; first < tiles.length; first += COLUMNS) {
    const part = tiles.slice(first, first + COLUMNS);
    rows.push(...part[0].map((_, row) => part.map((own) => own[row])));
  }
  return sheet(rows);
}

/** Rows of tiles as one picture. */
export function sheet(rows: readonly (readonly PixelImage[])[]): PixelImage {
  const step = TILE + GAP;
  const width = step * Math.max(1, ...rows.map((tiles) => tiles.length)) - GAP;
  const height = step * Math.max(1, rows.length) - GAP;
  const data = new Uint8Array(width * height * 3);
  for (const [row, tiles] of rows.entries())
    for (const [column, one] of tiles.entries())
      for (let y = 0; y < one.height; y++) {
        const line = one.data.subarray(y * one.width * 3, (y + 1) * one.width * 3);
        data.set(line, 3 * ((row * step + y) * width + column * step));
      }
  return { width, height, channels: 3, data };
}
