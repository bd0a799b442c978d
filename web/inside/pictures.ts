import type { PixelImage } from "../../src/image/pixels.js";
import { heatColour } from "../../src/inspect/heatmap.js";
import type { Attention } from "../workers/inside.js";

/** Colours as they are, on a canvas of the same size. */
export function paintPicture(canvas: HTMLCanvasElement, { width, height, data }: PixelImage): void {
  Object.assign(canvas, { width, height });
  const pixels = new ImageData(width, height);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    pixels.data.set(data.subarray(from, from + 3), to);
    pixels.data[to + 3] = 255;
  }
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
}

/** One head's map. */
export interface HeadMap {
  /** A pixel a cell; the less a cell is looked at, the more it lets through. */
  readonly picture: OffscreenCanvas;
  /** Of the place's attention, what the cell gets that gets most. */
  readonly most: number;
}

/** The heads' maps, each from its least to its largest. Shares are few large and many small ones: roots show both. */
export function headMaps({ heads, side, values }: Attention): HeadMap[] {
  const cells = side * side;
  return Array.from({ length: heads }, (_, head) => {
    const shares = values.subarray(head * cells, (head + 1) * cells);
    const most = shares.reduce((largest, share) => Math.max(largest, share), 0);
    const least = Math.sqrt(shares.reduce((smallest, share) => Math.min(smallest, share), 1));
    const span = Math.sqrt(most) - least || 1;
    const pixels = new ImageData(side, side);
    shares.forEach((share, cell) => {
      const level = (Math.sqrt(share) - least) / span;
      pixels.data.set([...heatColour(level), Math.round(255 * (0.35 + 0.65 * level))], 4 * cell);
    });
    const picture = new OffscreenCanvas(side, side);
    picture.getContext("2d")?.putImageData(pixels, 0, 0);
    return { picture, most };
  });
}
