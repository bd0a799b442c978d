import { makeTaps, resampleColumns, resampleRows, type Grid, type Taps } from "./separable.js";

/** Pillow computes with weights in units of 2^-22. */
const ONE = 2 ** 22;

/**
 * Resizes 8-bit values as Pillow's `Image.resize((width, height), BILINEAR)` does, to the bit: a triangle that
 * widens where an axis shrinks, first along x, then along y, each rounded to 8 bits. SAM's own preprocessing.
 * (Pillow 13 goes along y first where that is cheaper; there it differs by one level here and there.)
 *
 * @see segment_anything/utils/transforms.py, `ResizeLongestSide.apply_image`
 */
export function resizePillowBilinear(
  image: Grid & { readonly data: Uint8Array },
  width: number,
  height: number,
): Uint8Array {
  const rows = resampleRows(image, triangle(image.width, width));
  const across = { ...rows, data: toBytes(rows.data) };
  return toBytes(resampleColumns(across, triangle(image.height, height)).data);
}

function triangle(inSize: number, outSize: number): Taps {
  const scale = inSize / outSize;
  const support = Math.max(scale, 1);
  const count = 2 * Math.ceil(support) + 1;
  return makeTaps(inSize, outSize, count, (i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), inSize);
    const weights = Array.from({ length: end - first }, (_, t) =>
      Math.max(0, 1 - Math.abs((first + t - centre + 0.5) / support)),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return [first, weights.map((weight) => Math.trunc((weight / sum) * ONE + 0.5))];
  });
}

/** Sums in units of 2^-22 to the nearest byte, halves up. The sums are whole numbers, so this is exact. */
function toBytes(sums: Float64Array): Uint8Array {
  const out = new Uint8Array(sums.length);
  for (let i = 0; i < sums.length; i++)
    out[i] = Math.min(Math.max(Math.floor((sums[i] + ONE / 2) / ONE), 0), 255);
  return out;
}
