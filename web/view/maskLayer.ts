import type { Mask } from "../../src/predictor/types.js";
import type { Rgb } from "./palette.js";

const INSIDE = 105; // of 255: the image stays visible below
const EDGE = 255;

const cache = new WeakMap<Mask, { readonly colour: Rgb; readonly canvas: OffscreenCanvas }>();

/** A mask as a tinted picture with a full edge, of the image's size. */
export function maskLayer(mask: Mask, colour: Rgb): OffscreenCanvas {
  const kept = cache.get(mask);
  if (kept?.colour === colour) return kept.canvas;
  const { width, height, data } = mask;
  const picture = new ImageData(width, height);
  const pixels = new Uint32Array(picture.data.buffer);
  const [r, g, b] = colour;
  const shade = (alpha: number) => new Uint32Array(Uint8Array.of(r, g, b, alpha).buffer)[0];
  const [inside, edge] = [shade(INSIDE), shade(EDGE)];
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      if (!data[i]) continue;
      const rim =
        (x > 0 && !data[i - 1]) ||
        (x < width - 1 && !data[i + 1]) ||
        (y > 0 && !data[i - width]) ||
        (y < height - 1 && !data[i + width]);
      pixels[i] = rim ? edge : inside;
    }
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.putImageData(picture, 0, 0);
  cache.set(mask, { colour, canvas });
  return canvas;
}
