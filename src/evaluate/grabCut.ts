import { cropImage, pasteInto } from "../image/crop.js";
import { FULL_RANGE } from "../image/intensity.js";
import { maskArea, type Mask, type PixelBox } from "../image/mask.js";
import { toRgb, type PixelImage, type Samples } from "../image/pixels.js";
import { filledBox, type ImageSize } from "./baselines.js";
import { ColourMixture, type Colours } from "./colourMixture.js";
import { GridCut, NEIGHBOURS } from "./gridCut.js";

/** How far around the box is looked at, as a share of its sides: that is what the object is told from. */
const AROUND = 0.25;
/** Where less of the box is left, its colours were not to be told from those around it. */
const LEAST = 0.3;
/** Rounds of learning colours and cutting. */
const ROUNDS = 5;
/** How strongly neighbours of one colour hold together. */
const GAMMA = 50;

/**
 * The object in a box by its colours: those in the box and those close around it are learned as mixtures of normal
 * distributions, and the box is cut where the likelier side and the image's edges say. In five rounds, as OpenCV's
 * `grabCut` with a rectangle, but for the first centres of its k-means, which are random there. Often nothing is left
 * of a tight box: where it is less than three tenths, the box is filled. (Both shares were chosen on generated pictures.)
 * Images that are not of 8 bits are stretched to it.
 *
 * @throws ImageError when the box does not lie in the image.
 * @see Rother, Kolmogorov and Blake, GrabCut: interactive foreground extraction using iterated graph cuts (2004)
 */
export function grabCut(image: PixelImage, box: PixelBox): Mask {
  const filled = filledBox(image, box);
  const [x0, y0, x1, y1] = box;
  const [dx, dy] = [Math.ceil(AROUND * (x1 - x0 + 1)), Math.ceil(AROUND * (y1 - y0 + 1))];
  const [x, y] = [Math.max(0, x0 - dx), Math.max(0, y0 - dy)];
  const region = {
    ...{ x, y },
    width: Math.min(image.width, x1 + dx + 1) - x,
    height: Math.min(image.height, y1 + dy + 1) - y,
  };
  const scaled = { ...image, data: FULL_RANGE.scale(image.data) };
  const part = cutByColours(toRgb(cropImage(scaled, region)), [x0 - x, y0 - y, x1 - x, y1 - y]);
  if (maskArea(part) < LEAST * maskArea(filled)) return filled;
  return { ...filled, data: pasteInto(part.data, region, image, 0) };
}

/** GrabCut proper, of an image of bytes in RGB; all that lies outside the box is background. */
export function cutByColours(image: PixelImage, box: PixelBox): Mask {
  const mask = filledBox(image, box);
  const pixels = image.data;
  const inBox = placesIn(mask.data, 1);
  const outside = tally(pixels, placesIn(mask.data, 0));
  if (outside.size === 0) return mask; // there is nothing to tell the object from
  const edge = edgeWeights(pixels, image);
  let object = coloursOf(tally(pixels, inBox));
  let around = coloursOf(outside);
  let [asObject, asAround] = [ColourMixture.of(object), ColourMixture.of(around)];
  for (let round = 0; round < ROUNDS && object.counts.length > 0; round++) {
    [asObject, asAround] = [asObject.relearned(object), asAround.relearned(around)];
    const cut = cutBox(image, box, edge, (i) => [
      asObject.logDensity(pixels, 3 * i),
      asAround.logDensity(pixels, 3 * i),
    ]);
    for (const [n, i] of inBox.entries()) mask.data[i] = cut[n];
    const sideOf = (side: number) => inBox.filter((i) => mask.data[i] === side);
    object = coloursOf(tally(pixels, sideOf(1)));
    around = coloursOf(tally(pixels, sideOf(0), new Map(outside)));
  }
  return mask;
}

function placesIn(mask: Uint8Array, value: number): Int32Array {
  const places = new Int32Array(mask.length);
  let count = 0;
  for (let i = 0; i < mask.length; i++) if (mask[i] === value) places[count++] = i;
  return places.slice(0, count);
}

/** How often each colour is among some pixels, and among those that were counted before. */
function tally(pixels: Samples, places: Int32Array, counts = new Map<number, number>()): Map<number, number> {
  for (let n = 0; n < places.length; n++) {
    const at = 3 * places[n];
    const colour = (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2];
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  return counts;
}

function coloursOf(counts: ReadonlyMap<number, number>): Colours {
  const values = new Float64Array(3 * counts.size);
  let at = 0;
  for (const colour of counts.keys()) {
    values[at++] = colour >> 16;
    values[at++] = (colour >> 8) & 255;
    values[at++] = colour & 255;
  }
  return { values, counts: Float64Array.from(counts.values()) };
}

/** Cuts the pixels of a box into object, 1, and background. `logDensities` of pixel i: as either. */
function cutBox(
  { width, height }: ImageSize,
  [x0, y0, x1, y1]: PixelBox,
  edge: (x: number, y: number, neighbour: number) => number,
  logDensities: (i: number) => readonly [object: number, around: number],
): Uint8Array {
  const grid = new GridCut(x1 - x0 + 1, y1 - y0 + 1);
  for (let y = y0; y <= y1; y++)
    for (let x = x0; x <= x1; x++) {
      const [object, around] = logDensities(y * width + x);
      grid.tie(x - x0, y - y0, -around, -object);
      for (const [n, [right, down]] of NEIGHBOURS.entries()) {
        const [toX, toY] = [x + right, y + down];
        if (toX < 0 || toY < 0 || toX >= width || toY >= height) continue;
        const isInside = toX >= x0 && toX <= x1 && toY >= y0 && toY <= y1;
        // What lies outside is background for certain, so that an edge to it is one to the sink.
        if (!isInside) grid.tie(x - x0, y - y0, 0, edge(x, y, n));
        else if (n >= 4) grid.link(x - x0, y - y0, n, edge(x, y, n)); // each pair once
      }
    }
  return grid.cut();
}

/** How strongly a pixel holds to a neighbour: less, the more their colours differ by the measure of the whole image. */
function edgeWeights(pixels: Samples, { width, height }: ImageSize) {
  const difference = (x: number, y: number, n: number): number => {
    const i = 3 * (y * width + x);
    const j = i + 3 * (NEIGHBOURS[n][1] * width + NEIGHBOURS[n][0]);
    const [r, g, b] = [pixels[i] - pixels[j], pixels[i + 1] - pixels[j + 1], pixels[i + 2] - pixels[j + 2]];
    return r * r + g * g + b * b;
  };
  let [sum, pairs] = [0, 0];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let n = 4; n < 8; n++) {
        const toX = x + NEIGHBOURS[n][0];
        if (toX < 0 || toX >= width || y + NEIGHBOURS[n][1] >= height) continue;
        sum += difference(x, y, n);
        pairs++;
      }
  const beta = sum === 0 ? 0 : pairs / (2 * sum);
  return (x: number, y: number, n: number): number => {
    const [right, down] = NEIGHBOURS[n];
    return (GAMMA / Math.hypot(right, down)) * Math.exp(-beta * difference(x, y, n));
  };
}
