import { blend, type Canvas, type Colour } from "../image/draw.js";
import { toRgb, valueRange, type PixelImage } from "../image/pixels.js";

/** Values on a grid, row by row. */
export interface ValueMap {
  readonly height: number;
  readonly width: number;
  readonly values: Float32Array;
}

/** How much of a grid an image covers, in cells from the top left; all of it where images become squares. */
export interface Cover {
  readonly height: number;
  readonly width: number;
}

/** Dark to light, so that it reads in grey too. @see matplotlib, `inferno` */
const ANCHORS: readonly Colour[] = [
  [0, 0, 4],
  [40, 11, 84],
  [101, 21, 110],
  [159, 42, 99],
  [212, 72, 66],
  [245, 125, 21],
  [250, 193, 39],
  [252, 255, 164],
];

/** The colour of a share in 0..1. */
export function heatColour(share: number): Colour {
  const at = Math.min(Math.max(share, 0), 1) * (ANCHORS.length - 1);
  const below = Math.min(Math.floor(at), ANCHORS.length - 2);
  const [from, to] = [ANCHORS[below], ANCHORS[below + 1]];
  const mix = (n: 0 | 1 | 2) => Math.round(from[n] + (at - below) * (to[n] - from[n]));
  return [mix(0), mix(1), mix(2)];
}

/**
 * A map laid over its image: the image in grey, colours the stronger the higher the value.
 *
 * @param image of 8 bits.
 * @param range what is dark and what is bright; default: least and largest of the map.
 */
export function heatOver(
  image: PixelImage,
  map: ValueMap,
  cover: Cover = map,
  range: readonly [from: number, to: number] = valueRange(map.values),
): PixelImage {
  const { width, height } = image;
  const [from, to] = range;
  const canvas = greyOf(image);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const value = sample(
        map,
        ((y + 0.5) / height) * cover.height - 0.5,
        ((x + 0.5) / width) * cover.width - 0.5,
      );
      const share = to > from ? Math.min(Math.max((value - from) / (to - from), 0), 1) : 0;
      blend(canvas, x, y, heatColour(share), 0.3 + 0.6 * share);
    }
  return { ...canvas, channels: 3 };
}

/** Between the centres of cells with straight lines, beyond the outer ones as they are. */
function sample({ height, width, values }: ValueMap, row: number, column: number): number {
  const [y, x] = [Math.min(Math.max(row, 0), height - 1), Math.min(Math.max(column, 0), width - 1)];
  const [y0, x0] = [Math.floor(y), Math.floor(x)];
  const [y1, x1] = [Math.min(y0 + 1, height - 1), Math.min(x0 + 1, width - 1)];
  const across = (r: number) =>
    values[r * width + x0] + (x - x0) * (values[r * width + x1] - values[r * width + x0]);
  return across(y0) + (y - y0) * (across(y1) - across(y0));
}

function greyOf(image: PixelImage): Canvas {
  const { width, height, data } = toRgb(image);
  const grey = new Uint8Array(data.length);
  for (let at = 0; at < data.length; at += 3)
    grey.fill(0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2], at, at + 3);
  return { width, height, data: grey };
}

/** A map by itself, each cell a square of pixels. */
export function heatMap(
  { height, width, values }: ValueMap,
  scale: number,
  [from, to]: readonly [from: number, to: number] = valueRange(values),
): PixelImage {
  return cells({ height, width }, scale, (cell) =>
    heatColour(to > from ? (values[cell] - from) / (to - from) : 0),
  );
}

/**
 * Three numbers a cell as red, green and blue, each stretched over the middle 98 % of its values: places of one colour
 * have like features.
 *
 * @param components [height·width, 3], see `principalComponents`.
 */
export function componentColours(
  { height, width }: Omit<ValueMap, "values">,
  components: Float32Array,
  scale: number,
): PixelImage {
  const ranges = [0, 1, 2].map((n) => {
    const sorted = components.filter((_, at) => at % 3 === n).sort();
    const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))];
    return [at(0.01), at(0.99)] as const;
  });
  return cells({ height, width }, scale, (cell) => {
    const level = (n: 0 | 1 | 2) => {
      const [from, to] = ranges[n];
      const share = to > from ? (components[3 * cell + n] - from) / (to - from) : 0.5;
      return Math.round(255 * Math.min(Math.max(share, 0), 1));
    };
    return [level(0), level(1), level(2)];
  });
}

function cells(
  { height, width }: Omit<ValueMap, "values">,
  scale: number,
  colourOf: (cell: number) => Colour,
): PixelImage {
  const data = new Uint8Array(3 * scale * scale * height * width);
  for (let cell = 0; cell < height * width; cell++) {
    const colour = colourOf(cell);
    const [top, left] = [Math.floor(cell / width) * scale, (cell % width) * scale];
    for (let y = 0; y < scale; y++)
      for (let x = 0; x < scale; x++) data.set(colour, 3 * ((top + y) * width * scale + left + x));
  }
  return { width: width * scale, height: height * scale, channels: 3, data };
}

const GAP = 4;

/** Pictures of one size side by side, row by row, on white. */
export function tiles(list: readonly PixelImage[], across: number): PixelImage {
  const [{ width, height }] = list;
  const columns = Math.min(across, list.length);
  const rows = Math.ceil(list.length / columns);
  const wide = columns * (width + GAP) - GAP;
  const data = new Uint8Array(3 * wide * (rows * (height + GAP) - GAP)).fill(255);
  for (const [n, image] of list.entries()) {
    const pixels = toRgb(image).data;
    const [top, left] = [Math.floor(n / columns) * (height + GAP), (n % columns) * (width + GAP)];
    for (let y = 0; y < height; y++)
      data.set(pixels.subarray(3 * y * width, 3 * (y + 1) * width), 3 * ((top + y) * wide + left));
  }
  return { width: wide, height: data.length / 3 / wide, channels: 3, data };
}
