import type { Mask, PixelBox } from "../image/mask.js";
import { ImageError, valueRange, type PixelImage } from "../image/pixels.js";

/*
 * What anyone can make of a box without a model. Scores of a model say little unless these stand beside them.
 * Boxes lie inside the image; their corners are inclusive.
 */

/** In pixels. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** Every pixel of the box. */
export function filledBox(size: ImageSize, box: PixelBox): Mask {
  return paint(size, box, () => true);
}

/** The ellipse that touches the sides of the box: for round objects in tight boxes hard to beat. */
export function inscribedEllipse(size: ImageSize, box: PixelBox): Mask {
  const [x0, y0, x1, y1] = box;
  const [centreX, centreY] = [(x0 + x1) / 2, (y0 + y1) / 2];
  const [radiusX, radiusY] = [(x1 - x0 + 1) / 2, (y1 - y0 + 1) / 2];
  return paint(size, box, (x, y) => ((x - centreX) / radiusX) ** 2 + ((y - centreY) / radiusY) ** 2 <= 1);
}

/**
 * Pixels of the box at one side of Otsu's threshold of its grey values (colours are averaged): the side that has
 * the middle of the box, the half of its width and height around the centre.
 *
 * @see Otsu, A threshold selection method from gray-level histograms (1979)
 */
export function otsuInBox(image: PixelImage, box: PixelBox): Mask {
  const { width, channels, data } = image;
  const [x0, y0, x1, y1] = box;
  const grey = (x: number, y: number): number => {
    const at = (y * width + x) * channels;
    return channels === 1 ? data[at] : (data[at] + data[at + 1] + data[at + 2]) / 3;
  };
  const values: number[] = [];
  for (let y = y0; y <= y1; y++) for (let x = x0; x <= x1; x++) values.push(grey(x, y));
  const threshold = otsuThreshold(values);

  const [boxWidth, boxHeight] = [x1 - x0 + 1, y1 - y0 + 1];
  const [marginX, marginY] = [Math.floor(boxWidth / 4), Math.floor(boxHeight / 4)];
  let [bright, middle] = [0, 0];
  for (let y = y0 + marginY; y <= y1 - marginY; y++)
    for (let x = x0 + marginX; x <= x1 - marginX; x++, middle++) if (grey(x, y) > threshold) bright++;
  const objectIsBright = bright > middle / 2;
  return paint(image, box, (x, y) => grey(x, y) > threshold === objectIsBright);
}

/** The threshold over 256 equal bins that parts the values best: the between-class variance is largest. */
function otsuThreshold(values: readonly number[]): number {
  const [low, high] = valueRange(values);
  const binWidth = (high - low) / 256;
  const counts = new Float64Array(256);
  for (const value of values)
    counts[binWidth === 0 ? 0 : Math.min(255, Math.floor((value - low) / binWidth))]++;
  const totalSum = counts.reduce((sum, count, bin) => sum + count * bin, 0);
  let [below, belowSum, best, bestBin] = [0, 0, -1, 0];
  for (let bin = 0; bin < 255; bin++) {
    below += counts[bin];
    belowSum += counts[bin] * bin;
    const above = values.length - below;
    if (below === 0 || above === 0) continue;
    const variance = below * above * (belowSum / below - (totalSum - belowSum) / above) ** 2;
    if (variance > best) [best, bestBin] = [variance, bin];
  }
  return low + (bestBin + 1) * binWidth;
}

function paint({ width, height }: ImageSize, box: PixelBox, inside: (x: number, y: number) => boolean): Mask {
  const [x0, y0, x1, y1] = box;
  const fits = box.every(Number.isInteger) && x0 >= 0 && y0 >= 0 && x1 < width && y1 < height;
  if (!fits || x0 > x1 || y0 > y1)
    throw new ImageError(
      `box [${box.join(", ")}] does not lie in the image of ${width} x ${height}; expected whole pixels, ` +
        "left <= right and top <= bottom",
    );
  const data = new Uint8Array(width * height);
  for (let y = y0; y <= y1; y++) for (let x = x0; x <= x1; x++) if (inside(x, y)) data[y * width + x] = 1;
  return { width, height, data };
}
