/** A map of features: `channels` values at each of `height` x `width` places, channels last. */
export interface FeatureMap {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** [height, width, channels]. */
  readonly values: Float32Array;
}

/**
 * A traced value as a map of features, whether PyTorch holds it as [1, C, H, W] or, as SAM's blocks, as [1, H, W, C].
 *
 * @returns nothing when it is no map of one image.
 */
export function featureMap(value: {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}): FeatureMap | undefined {
  const { shape, values } = value;
  if (shape.length !== 4 || shape[0] !== 1) return undefined;
  const [, a, b, c] = shape;
  if (a === b && b !== c) return { height: a, width: b, channels: c, values };
  if (b !== c) return undefined;
  const cells = b * c;
  const last = new Float32Array(values.length);
  for (let channel = 0; channel < a; channel++)
    for (let cell = 0; cell < cells; cell++) last[cell * a + channel] = values[channel * cells + cell];
  return { height: b, width: c, channels: a, values: last };
}

/**
 * How like each place is to one of them: the cosine of the angle between their features, in -1..1.
 *
 * @param place row by row, from 0.
 */
export function similarityTo({ channels, values }: FeatureMap, place: number): Float32Array {
  const places = values.length / channels;
  const norm = (at: number) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += values[at * channels + c] ** 2;
    return Math.sqrt(sum);
  };
  const own = norm(place);
  return Float32Array.from({ length: places }, (_, at) => {
    let product = 0;
    for (let c = 0; c < channels; c++) product += values[at * channels + c] * values[place * channels + c];
    return product / (own * norm(at) || 1);
  });
}

/** One channel by itself. */
export function channelOf({ channels, values }: FeatureMap, channel: number): Float32Array {
  return Float32Array.from({ length: values.length / channels }, (_, at) => values[at * channels + channel]);
}

/** The channels that vary most, most first. */
export function liveliestChannels({ channels, values }: FeatureMap, count: number): number[] {
  const [sums, squares] = [new Float64Array(channels), new Float64Array(channels)];
  values.forEach((value, n) => {
    sums[n % channels] += value;
    squares[n % channels] += value ** 2;
  });
  const places = values.length / channels;
  const variances = squares.map((sum, c) => sum / places - (sums[c] / places) ** 2);
  return Array.from(variances.keys())
    .sort((a, b) => variances[b] - variances[a])
    .slice(0, count);
}

const ROUNDS = 12;

/**
 * The first principal components of the features of all places, by subspace iteration: [places, count], each component
 * with mean 0, its largest magnitude positive.
 */
export function principalComponents({ channels, values }: FeatureMap, count = 3): Float32Array {
  const places = values.length / channels;
  const mean = new Float64Array(channels);
  values.forEach((value, n) => (mean[n % channels] += value / places));
  const centred = values.map((value, n) => value - mean[n % channels]);
  // Any start will do that is not at right angles to what is sought; the same one every time.
  let directions: Float64Array = Float64Array.from({ length: count * channels }, (_, n) =>
    Math.sin(1 + n * 1.7),
  );
  for (let round = 0; round < ROUNDS; round++) {
    orthonormalise(directions, count, channels);
    const scores = project(centred, directions, count, channels);
    directions = combine(centred, scores, count, channels);
  }
  orthonormalise(directions, count, channels);
  const out = Float32Array.from(project(centred, directions, count, channels));
  for (let component = 0; component < count; component++) {
    let largest = 0;
    for (let at = 0; at < places; at++) {
      const value = out[at * count + component];
      if (Math.abs(value) > Math.abs(largest)) largest = value;
    }
    if (largest < 0) for (let at = 0; at < places; at++) out[at * count + component] *= -1;
  }
  return out;
}

/** Gram and Schmidt, in place, of `count` rows. A row that is nothing stays nothing. */
function orthonormalise(rows: Float64Array, count: number, length: number): void {
  for (let row = 0; row < count; row++) {
    const own = rows.subarray(row * length, (row + 1) * length);
    for (let before = 0; before < row; before++) {
      const other = rows.subarray(before * length, (before + 1) * length);
      const share = own.reduce((sum, value, n) => sum + value * other[n], 0);
      own.forEach((value, n) => (own[n] = value - share * other[n]));
    }
    const norm = Math.sqrt(own.reduce((sum, value) => sum + value ** 2, 0));
    if (norm > 1e-12) own.forEach((value, n) => (own[n] = value / norm));
  }
}

/** [places, C] times the rows [count, C], transposed: [places, count]. */
function project(x: Float32Array, rows: Float64Array, count: number, channels: number): Float64Array {
  const places = x.length / channels;
  const out = new Float64Array(places * count);
  for (let at = 0; at < places; at++)
    for (let row = 0; row < count; row++) {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += x[at * channels + c] * rows[row * channels + c];
      out[at * count + row] = sum;
    }
  return out;
}

/** [places, count], transposed, times [places, C]: [count, C]. */
function combine(x: Float32Array, scores: Float64Array, count: number, channels: number): Float64Array {
  const out = new Float64Array(count * channels);
  const places = x.length / channels;
  for (let at = 0; at < places; at++)
    for (let row = 0; row < count; row++) {
      const score = scores[at * count + row];
      for (let c = 0; c < channels; c++) out[row * channels + c] += score * x[at * channels + c];
    }
  return out;
}
