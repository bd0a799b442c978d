import type { Random } from "../random.js";

/*
 * Planes: `size` x `size` numbers, row by row. They are what textures, noise and light are made of.
 */

/** Cubic B-spline weights of `to` samples over a row of `cells` knots: the first of four knots, and the weights. */
function splineWeights(cells: number, to: number): { first: Int32Array; weights: Float32Array } {
  const first = new Int32Array(to);
  const weights = new Float32Array(4 * to);
  for (let i = 0; i < to; i++) {
    const position = ((i + 0.5) / to) * cells;
    const knot = Math.floor(position);
    const t = position - knot;
    const rest = 1 - t;
    first[i] = knot;
    weights[4 * i] = (rest * rest * rest) / 6;
    weights[4 * i + 1] = (t * t * (3 * t - 6) + 4) / 6;
    weights[4 * i + 2] = (rest * rest * (3 * rest - 6) + 4) / 6;
    weights[4 * i + 3] = (t * t * t) / 6;
  }
  return { first, weights };
}

/**
 * Smooth noise of mean about 0 and standard deviation about 1: `across` x `down` bumps on the plane, fewer of one than
 * of the other for streaks.
 */
export function smoothField(random: Random, size: number, across: number, down = across): Float32Array {
  const [columns, rows] = [across + 4, down + 4];
  // The spline averages over knots: it takes the deviation of white noise down to 0.48.
  const gain = 1 / 0.48;
  const knots = new Float32Array(columns * rows);
  for (let i = 0; i < knots.length; i++) knots[i] = gain * random.normal();
  const alongX = splineWeights(across, size);
  const wide = new Float32Array(rows * size);
  for (let row = 0; row < rows; row++) {
    const from = row * columns;
    const to = row * size;
    for (let x = 0; x < size; x++) {
      const k = from + alongX.first[x];
      const w = 4 * x;
      wide[to + x] =
        alongX.weights[w] * knots[k] +
        alongX.weights[w + 1] * knots[k + 1] +
        alongX.weights[w + 2] * knots[k + 2] +
        alongX.weights[w + 3] * knots[k + 3];
    }
  }
  const alongY = splineWeights(down, size);
  const out = new Float32Array(size * size);
  for (let y = 0; y < size; y++) {
    const a = alongY.first[y] * size;
    const [b, c, d] = [a + size, a + 2 * size, a + 3 * size];
    const w0 = alongY.weights[4 * y];
    const w1 = alongY.weights[4 * y + 1];
    const w2 = alongY.weights[4 * y + 2];
    const w3 = alongY.weights[4 * y + 3];
    const to = y * size;
    for (let x = 0; x < size; x++)
      out[to + x] = w0 * wide[a + x] + w1 * wide[b + x] + w2 * wide[c + x] + w3 * wide[d + x];
  }
  return out;
}

/** White noise, standard normal. */
export function whiteNoise(random: Random, size: number): Float32Array {
  const out = new Float32Array(size * size);
  for (let i = 0; i < out.length; i++) out[i] = random.normal();
  return out;
}

/** Half of a Gaussian kernel, the middle first; its whole sums to 1. */
function gaussianTaps(sigma: number): Float32Array {
  const taps = Float32Array.from({ length: Math.ceil(2 * sigma) + 1 }, (_, n) =>
    Math.exp(-(n ** 2) / (2 * sigma ** 2)),
  );
  const sum = taps.reduce((total, tap) => total + 2 * tap, 0) - taps[0];
  return taps.map((tap) => tap / sum);
}

/** Gaussian blur in place; edges repeat. `sigmaX` and `sigmaY` in pixels. */
export function blur(plane: Float32Array, size: number, sigmaX: number, sigmaY = sigmaX): void {
  if (sigmaX > 0) blurRows(plane, size, gaussianTaps(sigmaX));
  if (sigmaY > 0) blurColumns(plane, size, gaussianTaps(sigmaY));
}

function blurRows(plane: Float32Array, size: number, taps: Float32Array): void {
  const reach = taps.length - 1;
  const row = new Float32Array(size + 2 * reach);
  for (let start = 0; start < plane.length; start += size) {
    row.fill(plane[start], 0, reach);
    row.set(plane.subarray(start, start + size), reach);
    row.fill(plane[start + size - 1], reach + size);
    for (let x = 0; x < size; x++) {
      let sum = taps[0] * row[x + reach];
      for (let n = 1; n <= reach; n++) sum += taps[n] * (row[x + reach - n] + row[x + reach + n]);
      plane[start + x] = sum;
    }
  }
}

function blurColumns(plane: Float32Array, size: number, taps: Float32Array): void {
  const source = plane.slice();
  const reach = taps.length - 1;
  for (let y = 0; y < size; y++) {
    const to = y * size;
    for (let x = 0; x < size; x++) plane[to + x] = taps[0] * source[to + x];
    for (let n = 1; n <= reach; n++) {
      const above = Math.max(y - n, 0) * size;
      const below = Math.min(y + n, size - 1) * size;
      const tap = taps[n];
      for (let x = 0; x < size; x++) plane[to + x] += tap * (source[above + x] + source[below + x]);
    }
  }
}

/** Adds `b` times `factor` to `a`, in place. */
export function addScaled(a: Float32Array, b: Float32Array, factor: number): void {
  for (let i = 0; i < a.length; i++) a[i] += factor * b[i];
}

/** Makes the deviation 1, in place; the mean is taken to be 0. */
export function normalise(plane: Float32Array): Float32Array {
  let squares = 0;
  for (let i = 0; i < plane.length; i += 7) squares += plane[i] ** 2;
  const scale = 1 / Math.sqrt(squares / Math.ceil(plane.length / 7) + 1e-12);
  for (let i = 0; i < plane.length; i++) plane[i] *= scale;
  return plane;
}

/**
 * A texture of deviation about 1: isotropic, streaked, ridged or cloudy, with details of about `grain` pixels.
 */
export function texture(random: Random, size: number, grain: number): Float32Array {
  const cells = Math.max(2, Math.round(size / (2 * grain)));
  const kind = random.next();
  if (kind < 0.3) return smoothField(random, size, cells);
  if (kind < 0.55) {
    const long = Math.max(2, Math.round(cells / random.uniform(2, 8)));
    const streaks = random.chance(0.5)
      ? smoothField(random, size, long, cells)
      : smoothField(random, size, cells, long);
    return sheared(streaks, size, random.uniform(-1, 1));
  }
  const plane = smoothField(random, size, cells);
  if (kind < 0.75) {
    // Ridges: bright lines where smooth noise passes zero.
    const sign = random.sign();
    for (let i = 0; i < plane.length; i++) plane[i] = sign * (0.8 - Math.abs(plane[i])) * 1.65;
    return plane;
  }
  addScaled(plane, smoothField(random, size, Math.max(2, cells >> 1)), 0.8);
  addScaled(plane, smoothField(random, size, Math.max(2, cells >> 2)), 0.8);
  return normalise(plane);
}

/** Rows moved sideways, each by `slope` more than the one above; what leaves comes in again. */
function sheared(plane: Float32Array, size: number, slope: number): Float32Array {
  const out = new Float32Array(plane.length);
  for (let y = 0; y < size; y++) {
    const shift = ((Math.round(slope * y) % size) + size) % size;
    const row = plane.subarray(y * size, (y + 1) * size);
    out.set(row.subarray(shift), y * size);
    out.set(row.subarray(0, shift), y * size + size - shift);
  }
  return out;
}
