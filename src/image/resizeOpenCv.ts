import { makeTaps, resampleColumns, resampleRows, type Grid, type Taps } from "./separable.js";

/** OpenCV computes 8-bit images with weights in units of 2^-11. */
const ONE = 2 ** 11;

/** Sharpness of the cubic kernel. */
const A = -0.75;

/**
 * Resizes 8-bit values as OpenCV's `cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)` does: four
 * taps along each axis, the border repeated, no smoothing where an axis shrinks. For MedSAM's notebooks and
 * demo, which resize so. OpenCV's vector code may round a value to the next level.
 */
export function resizeOpenCvCubic(
  image: Grid & { readonly data: Uint8Array },
  width: number,
  height: number,
): Uint8Array {
  const rows = resampleRows(image, cubic(image.width, width));
  const sums = resampleColumns(rows, cubic(image.height, height)).data;
  const out = new Uint8Array(sums.length);
  for (let i = 0; i < sums.length; i++)
    out[i] = Math.min(Math.max(Math.floor(sums[i] / ONE ** 2 + 0.5), 0), 255);
  return out;
}

function cubic(inSize: number, outSize: number): Taps {
  const scale = inSize / outSize;
  return makeTaps(inSize, outSize, 4, (i) => {
    const x = Math.fround((i + 0.5) * scale - 0.5);
    const first = Math.floor(x) - 1;
    const fraction = x - first - 1;
    return [
      first,
      [1 + fraction, fraction, 1 - fraction, 2 - fraction].map((z) => Math.round(keys(z) * ONE)),
    ];
  });
}

/** Keys' cubic convolution kernel. */
function keys(z: number): number {
  return z <= 1 ? (A + 2) * z ** 3 - (A + 3) * z ** 2 + 1 : A * z ** 3 - 5 * A * z ** 2 + 8 * A * z - 4 * A;
}
