/** An image whose values may be changed. */
export interface Field {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Float64Array;
}

/** Pole of the recursive filter that inverts the cubic B-spline: sqrt(3) - 2, which computed so loses a bit. */
const POLE = -0.2679491924311227;

/** Four samples and their weights for each output of one axis. */
interface Taps {
  readonly indices: Int32Array;
  readonly weights: Float64Array;
}

/**
 * Turns samples into the coefficients of the cubic B-spline through them, in place: `c` with
 * `(c[i-1] + 4 c[i] + c[i+1]) / 6 = f[i]` along y, x and the channels, mirrored outside.
 */
export function fitSpline({ width, height, channels, data }: Field): void {
  const row = width * channels;
  // Along y all columns at once, which is the order of memory; along x the channels of a row.
  solve(data, 0, height, row, row);
  for (let y = 0; y < height; y++) solve(data, y * row, width, channels, channels);
  for (let pixel = 0; pixel < data.length; pixel += channels) solve(data, pixel, channels, 1, 1);
}

/**
 * Solves in place for `lanes` neighbouring lines of `size` samples that are `stride` apart: one pass forwards, one
 * backwards.
 *
 * @see Unser, Aldroubi, Eden: B-spline signal processing, part II, 1993
 */
function solve(data: Float64Array, start: number, size: number, stride: number, lanes: number): void {
  if (size === 1) return; // mirrored, one sample is a constant
  const gain = (1 - POLE) * (1 - 1 / POLE);
  const end = start + (size - 1) * stride;
  const far = POLE ** (size - 1);
  for (let lane = 0; lane < lanes; lane++) {
    for (let at = start + lane; at <= end + lane; at += stride) data[at] *= gain;
    // The sum over the mirrored line, which has a period of 2·size - 2.
    let sum = data[start + lane] + far * data[end + lane];
    let power = POLE;
    for (let i = 1; i < size - 1 && power !== 0; i++, power *= POLE)
      sum += power * (data[start + lane + i * stride] + far * data[end + lane - i * stride]);
    data[start + lane] = sum / (1 - far * far);
  }
  for (let line = start + stride; line <= end; line += stride)
    for (let at = line; at < line + lanes; at++) data[at] += POLE * data[at - stride];
  for (let at = end; at < end + lanes; at++)
    data[at] = ((POLE * data[at - stride] + data[at]) * POLE) / (POLE * POLE - 1);
  for (let line = end - stride; line >= start; line -= stride)
    for (let at = line; at < line + lanes; at++) data[at] = POLE * (data[at + stride] - data[at]);
}

/**
 * Samples the spline at the pixel centres of a `height` x `width` grid over the image, channels kept. `padding`
 * samples at each side of the coefficients lie outside the image.
 *
 * Every output is a sum over the samples around it in memory's order, each multiplied with the weights of y, x
 * and channel in turn. Weighting axis by axis would be less work, but round differently.
 */
export function sampleSpline(spline: Field, width: number, height: number, padding: number): Float64Array {
  const { channels, data } = spline;
  const row = spline.width * channels;
  const rows = sampleTaps(spline.height, height, padding);
  const columns = sampleTaps(spline.width, width, padding);
  const out = new Float64Array(width * height * channels);
  const weighted = new Float64Array(4 * row); // the four rows around an output row
  const sampleRow = channels === 1 ? sampleGreyRow : sampleColourRow;
  for (let y = 0; y < height; y++) {
    for (let tap = 0; tap < 4; tap++) {
      const from = rows.indices[4 * y + tap] * row;
      const weight = rows.weights[4 * y + tap];
      for (let i = 0; i < row; i++) weighted[tap * row + i] = data[from + i] * weight;
    }
    sampleRow(weighted, columns, out.subarray(y * width * channels, (y + 1) * width * channels));
  }
  return out;
}

function sampleGreyRow(weighted: Float64Array, { indices, weights }: Taps, out: Float64Array): void {
  for (let x = 0; x < out.length; x++) {
    let sum = 0;
    for (let row = 0; row < weighted.length; row += weighted.length / 4)
      for (let tap = 4 * x; tap < 4 * x + 4; tap++) sum += weighted[row + indices[tap]] * weights[tap];
    out[x] = sum;
  }
}

/** Between channels there is nothing to interpolate: each lies on a sample, with these weights around it. */
const [BESIDE, AT, , BEYOND] = bSpline(0);

/** As above for RGB. Channels are mirrored too: before red comes green, after blue green and red. */
function sampleColourRow(weighted: Float64Array, { indices, weights }: Taps, out: Float64Array): void {
  for (let x = 0; 3 * x < out.length; x++) {
    let [red, green, blue] = [0, 0, 0];
    for (let row = 0; row < weighted.length; row += weighted.length / 4)
      for (let tap = 4 * x; tap < 4 * x + 4; tap++) {
        const at = row + 3 * indices[tap];
        const weight = weights[tap];
        const [r, g, b] = [weighted[at] * weight, weighted[at + 1] * weight, weighted[at + 2] * weight];
        // One by one from the left, which is the order that they are rounded in.
        red = red + g * BESIDE + r * AT + g * BESIDE + b * BEYOND;
        green = green + r * BESIDE + g * AT + b * BESIDE + g * BEYOND;
        blue = blue + g * BESIDE + b * AT + g * BESIDE + r * BEYOND;
      }
    out[3 * x] = red;
    out[3 * x + 1] = green;
    out[3 * x + 2] = blue;
  }
}

function sampleTaps(inSize: number, outSize: number, padding: number): Taps {
  const scale = (inSize - 2 * padding) / outSize;
  const [indices, weights] = [new Int32Array(4 * outSize), new Float64Array(4 * outSize)];
  for (let i = 0; i < outSize; i++) {
    const x = Math.abs((i + 0.5) * scale - 0.5 + padding); // mirrored, should it lie before the first sample
    const first = Math.floor(x) - 1;
    for (let t = 0; t < 4; t++) indices[4 * i + t] = mirror(first + t, inSize);
    weights.set(bSpline(x - Math.floor(x)), 4 * i);
  }
  return { indices, weights };
}

/** Weights of the cubic B-spline for the four samples around a point at `fraction` after the second. */
function bSpline(fraction: number): [number, number, number, number] {
  const rest = 1 - fraction;
  const a = (rest * rest * rest) / 6;
  const b = (fraction * fraction * (fraction - 2) * 3 + 4) / 6;
  const c = (rest * rest * (rest - 2) * 3 + 4) / 6;
  return [a, b, c, 1 - a - b - c];
}

/** Index inside the line; mirrored at the outer samples without repeating them. */
export function mirror(index: number, size: number): number {
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const folded = ((index % period) + period) % period;
  return folded < size ? folded : period - folded;
}
