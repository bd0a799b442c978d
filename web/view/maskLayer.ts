import type { Mask } from "../../src/predictor/types.js";
import type { Candidate } from "../predictions.js";
import type { Rgb } from "./palette.js";

const INSIDE = 105; // of 255: the image stays visible below
const EDGE = 255;

/** A mask as it is drawn. */
export interface ShownMask extends Pick<Candidate, "mask" | "facts"> {
  readonly colour: Rgb;
}

/** A picture of a part of the image, which begins at x and y. */
export interface Layer {
  readonly canvas: OffscreenCanvas;
  readonly x: number;
  readonly y: number;
}

const cache = new WeakMap<Mask, { readonly colour: Rgb; readonly layer: Layer }>();

/** A mask as a tinted picture with a full edge, as large as the box around it; undefined when it is empty. */
export function maskLayer({ mask, facts: { box }, colour }: ShownMask): Layer | undefined {
  if (box === undefined) return undefined;
  const kept = cache.get(mask);
  if (kept?.colour === colour) return kept.layer;
  const [x0, y0, x1, y1] = box;
  const picture = new ImageData(x1 - x0 + 1, y1 - y0 + 1);
  tint(mask, [x0, y0], colour, picture);
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext("2d")?.putImageData(picture, 0, 0);
  const layer = { canvas, x: x0, y: y0 };
  cache.set(mask, { colour, layer });
  return layer;
}

function tint(
  { width, height, data }: Mask,
  [left, top]: readonly [number, number],
  [r, g, b]: Rgb,
  picture: ImageData,
): void {
  const pixels = new Uint32Array(picture.data.buffer);
  const shade = (alpha: number) => new Uint32Array(Uint8Array.of(r, g, b, alpha).buffer)[0];
  const [inside, edge] = [shade(INSIDE), shade(EDGE)];
  for (let row = 0, to = 0; row < picture.height; row++) {
    const y = top + row;
    for (let x = left, i = y * width + left; x < left + picture.width; x++, i++, to++) {
      if (!data[i]) continue;
      const rim =
        (x > 0 && !data[i - 1]) ||
        (x < width - 1 && !data[i + 1]) ||
        (y > 0 && !data[i - width]) ||
        (y < height - 1 && !data[i + width]);
      pixels[to] = rim ? edge : inside;
    }
  }
}
