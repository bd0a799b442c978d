import type { Mask } from "../../image/mask.js";
import type { PixelImage } from "../../image/pixels.js";
import { resizePillowBilinear } from "../../image/resizePillow.js";
import type { Box, Point } from "../types.js";
import type { Frames } from "./frames.js";

/** Sides that differ by less than this share count as equal. */
const EQUAL = 0.01;
/** Most pixels of a side after stretching; the encoder sees 1024. */
const LONGEST = 2048;

/**
 * Shows slices whose pixels are longer than wide with square pixels, as the model was trained on: across a CT with slices
 * 5 mm apart a round lesion would be flat otherwise. Prompts and masks stay in the slice's own pixels.
 */
export class SquarePixels {
  private constructor(
    private readonly from: readonly [width: number, height: number],
    private readonly to: readonly [width: number, height: number],
  ) {}

  /** Where the size of pixels is not known, they count as square. */
  static of({ width, height, pixelSize: [across, down] = [1, 1] }: Frames): SquarePixels {
    const from = [width, height] as const;
    if (Math.abs(across / down - 1) < EQUAL) return new SquarePixels(from, from);
    const millimetres = [from[0] * across, from[1] * down];
    const side = Math.max(Math.min(across, down), Math.max(...millimetres) / LONGEST);
    const [wide, high] = millimetres.map((length) => Math.max(1, Math.round(length / side)));
    return new SquarePixels(from, [wide, high]);
  }

  /** @param image of 8 bits. */
  image(image: PixelImage): PixelImage {
    if (this.isSame) return image;
    const [width, height] = this.to;
    const bytes = { ...image, data: Uint8Array.from(image.data) };
    return { ...image, width, height, data: Uint8Array.from(resizePillowBilinear(bytes, width, height)) };
  }

  /** The edges of a box's first and last pixels. */
  box([x0, y0, x1, y1]: Box): Box {
    if (this.isSame) return [x0, y0, x1, y1];
    const [wide, high] = [this.to[0] / this.from[0], this.to[1] / this.from[1]];
    return [x0 * wide, y0 * high, (x1 + 1) * wide - 1, (y1 + 1) * high - 1];
  }

  point([x, y]: Point): Point {
    return [(x * this.to[0]) / this.from[0], (y * this.to[1]) / this.from[1]];
  }

  /** A mask back in the slice's pixels, each by what is at its middle. */
  mask(mask: Mask): Mask {
    if (this.isSame) return mask;
    const [width, height] = this.from;
    const data = new Uint8Array(width * height);
    for (let y = 0, i = 0; y < height; y++) {
      const row = Math.floor(((y + 0.5) * mask.height) / height) * mask.width;
      for (let x = 0; x < width; x++)
        data[i++] = mask.data[row + Math.floor(((x + 0.5) * mask.width) / width)];
    }
    return { width, height, data };
  }

  private get isSame(): boolean {
    return this.from === this.to;
  }
}
