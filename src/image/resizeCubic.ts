import { valueRange, type PixelImage } from "./pixels.js";
import { fitSpline, mirror, sampleSpline, type Field } from "./spline.js";

/** What lies outside the image: its mirror image, as in MedSAM_Inference.py, or zeros, as in pre_CT_MR.py. */
export type CubicBoundary = "reflect" | "constant";

/** Zeros that are put around the image before the spline is fitted, where the boundary is `constant`. */
const PADDING = 12;

/**
 * Resizes as `skimage.transform.resize(image, (height, width), order=3, preserve_range=True,
 * anti_aliasing=True, mode=boundary)` does: a Gaussian against aliasing where an axis shrinks, a cubic B-spline
 * through the samples, and a clip to the range of the input. Grey and colour images alike; a grey image that the
 * original gets as three equal channels must come as three here too.
 *
 * MedSAM cuts the result off to integers, so in even areas the last bit decides between two levels. Therefore the
 * operations and their order are scipy's, to the point that it takes the channels as a third axis: with `reflect`
 * the result is equal to the bit, but for some strong reductions whose Gaussian differs by a last bit (1e-12). An
 * image that has the size already is left as it is, as by newer versions of scipy: the spline would lose last bits.
 *
 * @returns `height` x `width` x channels values in double precision.
 * @see sam-vit-b specification, resampling; scipy.ndimage, `gaussian_filter` and `zoom`
 */
export function resizeCubicAntialiased(
  image: Pick<PixelImage, "width" | "height" | "channels"> & { readonly data: ArrayLike<number> },
  width: number,
  height: number,
  boundary: CubicBoundary = "reflect",
): Float64Array {
  if (image.width === width && image.height === height) return Float64Array.from(image.data);
  const padding = boundary === "constant" ? PADDING : 0;
  let field: Field = { ...image, data: Float64Array.from(image.data) };
  field = blur(field, "y", Math.max(0, (image.height / height - 1) / 2), boundary);
  field = blur(field, "x", Math.max(0, (image.width / width - 1) / 2), boundary);
  field = pad(field, padding);
  fitSpline(field);
  const out = sampleSpline(field, width, height, padding);
  clip(out, image.data, boundary);
  return out;
}

/** Convolves one axis with a Gaussian of standard deviation `sigma` samples, cut off at four of them. */
function blur(field: Field, axis: "x" | "y", sigma: number, boundary: CubicBoundary): Field {
  if (sigma === 0) return field;
  const radius = Math.trunc(4 * sigma + 0.5);
  const half = Array.from({ length: radius + 1 }, (_, i) => Math.exp((-0.5 / (sigma * sigma)) * (i * i)));
  const sum = numpySum([...half.slice(1).reverse(), ...half]);
  const weights = half.map((weight) => weight / sum);

  const { width, height, channels, data } = field;
  const row = width * channels;
  const [size, stride] = axis === "y" ? [height, row] : [width, channels];
  const outside = (index: number) =>
    boundary === "reflect" ? mirror(index, size) : index < 0 || index >= size ? -1 : index;
  const out = new Float64Array(data.length);
  // The samples with one index along the axis: a whole row, or one pixel of every row.
  const [runs, length, step] = axis === "y" ? [1, row, 0] : [height, channels, row];
  for (let i = 0; i < size; i++)
    for (let run = 0; run < runs; run++) {
      const [start, end] = [run * step, run * step + length];
      for (let lane = start; lane < end; lane++)
        out[lane + i * stride] = data[lane + i * stride] * weights[0];
      // The farthest pair first, as scipy does.
      for (let distance = radius; distance > 0; distance--) {
        const [before, after] = [outside(i - distance), outside(i + distance)];
        for (let lane = start; lane < end; lane++) {
          const pair =
            (before < 0 ? 0 : data[lane + before * stride]) + (after < 0 ? 0 : data[lane + after * stride]);
          out[lane + i * stride] += pair * weights[distance];
        }
      }
    }
  return { ...field, data: out };
}

/** NumPy adds eight and more numbers in eight lanes, which rounds otherwise than adding them in turn. */
function numpySum(values: readonly number[]): number {
  const whole = values.length - (values.length % 8);
  const lanes = values.slice(0, Math.min(8, whole));
  for (let i = 8; i < whole; i++) lanes[i % 8] += values[i];
  const [a, b, c, d, e, f, g, h] = lanes;
  const start = whole === 0 ? 0 : a + b + (c + d) + (e + f + (g + h));
  return values.slice(whole).reduce((sum, value) => sum + value, start);
}

function pad(field: Field, padding: number): Field {
  if (padding === 0) return field;
  const { channels } = field;
  const [width, height] = [field.width + 2 * padding, field.height + 2 * padding];
  const data = new Float64Array(width * height * channels);
  const row = field.width * channels;
  for (let y = 0; y < field.height; y++)
    data.set(field.data.subarray(y * row, (y + 1) * row), ((y + padding) * width + padding) * channels);
  return { width, height, channels, data };
}

/** Limits `out` to the range of `input`, widened to 0 where zeros came in from outside. */
function clip(out: Float64Array, input: ArrayLike<number>, boundary: CubicBoundary): void {
  let [low, high] = valueRange(input);
  if (boundary === "constant" && (low > 0 || high < 0)) {
    const [lowest, highest] = valueRange(out);
    if (lowest <= 0 && highest >= 0) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
  }
  for (let i = 0; i < out.length; i++) out[i] = Math.min(Math.max(out[i], low), high);
}
