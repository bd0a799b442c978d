import { makeTaps, resampleColumns, resampleRows, type Grid, type Taps } from "./separable.js";

/** OpenCV computes 8-bit images with weights in units of 2^-11 where it interpolates. */
const ONE = 2 ** 11;

/**
 * Resizes 8-bit values as OpenCV's `cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)` does: where an
 * image shrinks, each value is the mean of the area that it covers; where an axis grows, nearby values are
 * interpolated. For LiteMedSAM. OpenCV's vector code may round a value to the next level.
 */
export function resizeOpenCvArea(
  image: Grid & { readonly data: Uint8Array },
  width: number,
  height: number,
): Uint8Array {
  const shrinks = width <= image.width && height <= image.height;
  const taps = shrinks ? area : growing;
  const rows = resampleRows(image, taps(image.width, width));
  const sums = resampleColumns(rows, taps(image.height, height)).data;
  // Halving is done in whole numbers, which round one half up.
  const halves = image.width === 2 * width && image.height === 2 * height;
  if (halves) return Uint8Array.from(sums, (sum) => Math.floor(sum + 0.5));
  const unit = shrinks ? 1 : ONE ** 2;
  return Uint8Array.from(sums, (sum) => roundHalfEven(sum / unit));
}

/** Output `i` covers the inputs from `i·scale` to `(i + 1)·scale`, those at the ends by a part. */
function area(inSize: number, outSize: number): Taps {
  const scale = inSize / outSize;
  const most = Math.ceil(scale) + 1;
  return makeTaps(inSize, outSize, most, (i) => {
    const [start, end] = [i * scale, Math.min((i + 1) * scale, inSize)];
    const first = Math.floor(start + 1e-6);
    const weights: number[] = [];
    for (let j = first; j < end - 1e-6; j++)
      weights.push((Math.min(j + 1, end) - Math.max(j, start)) / (end - start));
    return [first, weights];
  });
}

/** Two taps; the second counts as far as the output reaches over to it. */
function growing(inSize: number, outSize: number): Taps {
  const scale = inSize / outSize;
  return makeTaps(inSize, outSize, 2, (i) => {
    const first = Math.floor(i * scale);
    const over = Math.fround(i + 1 - (first + 1) / scale);
    const share = over <= 0 || first >= inSize - 1 ? 0 : over - Math.floor(over);
    return [first, [Math.round((1 - share) * ONE), Math.round(share * ONE)]];
  });
}

function roundHalfEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  if (Math.abs(rest - 0.5) < 1e-6) return down + (down % 2);
  return rest < 0.5 ? down : down + 1;
}
