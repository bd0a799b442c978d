/** Normal distributions that make up a mixture. */
const COMPONENTS = 5;
/** Rounds of k-means to begin with. */
const ROUNDS = 10;
/** Added to variances that are all but zero, as in one colour alone. */
const LEAST_VARIANCE = 0.01;

/** Colours, RGB one after the other, and how often each is there. */
export interface Colours {
  readonly values: Float64Array;
  readonly counts: Float64Array;
}

/** One normal distribution of colours. */
interface Component {
  readonly share: number;
  readonly mean: readonly number[];
  /** Inverse of the covariance, row by row, and its determinant. */
  readonly inverse: readonly number[];
  readonly determinant: number;
}

/** Where colours are found: as a mixture of normal distributions. */
export class ColourMixture {
  private constructor(private readonly components: readonly Component[]) {}

  /** The first mixture of some colours: by k-means, whose first centres are parts of the colours by brightness. */
  static of(colours: Colours): ColourMixture {
    return ColourMixture.learned(colours, nearestCentres(colours));
  }

  /** The mixture whose components each have the colours that this one's likeliest component has. */
  relearned(colours: Colours): ColourMixture {
    const nearest = Uint8Array.from(colours.counts, (_, n) => this.likeliest(colours.values, 3 * n));
    return ColourMixture.learned(colours, nearest);
  }

  private static learned({ values, counts }: Colours, component: Uint8Array): ColourMixture {
    const total = counts.reduce((sum, count) => sum + count, 0);
    const components: Component[] = [];
    for (let k = 0; k < COMPONENTS; k++) {
      let weight = 0;
      const sums = new Float64Array(3);
      const products = new Float64Array(9);
      for (let n = 0; n < counts.length; n++) {
        if (component[n] !== k) continue;
        weight += counts[n];
        for (let a = 0; a < 3; a++) {
          sums[a] += counts[n] * values[3 * n + a];
          for (let b = 0; b < 3; b++)
            products[3 * a + b] += counts[n] * values[3 * n + a] * values[3 * n + b];
        }
      }
      if (weight === 0) continue;
      const mean = Array.from(sums, (sum) => sum / weight);
      const covariance = Array.from(products, (product, i) => product / weight - mean[Math.floor(i / 3)] * mean[i % 3]); // prettier-ignore
      if (determinantOf(covariance) <= 1e-6) for (const i of [0, 4, 8]) covariance[i] += LEAST_VARIANCE;
      const determinant = determinantOf(covariance);
      components.push({
        share: weight / total,
        mean,
        inverse: inverseOf(covariance, determinant),
        determinant,
      });
    }
    return new ColourMixture(components);
  }

  /** Logarithm of the probability density at a colour, less a constant; finite also far away from all of them. */
  logDensity(values: ArrayLike<number>, at: number): number {
    const density = this.components.reduce((sum, one) => sum + one.share * densityOf(one, values, at), 0);
    return Math.log(Math.max(density, Number.MIN_VALUE));
  }

  private likeliest(values: ArrayLike<number>, at: number): number {
    let [best, most] = [0, -1];
    for (const [k, component] of this.components.entries()) {
      const density = densityOf(component, values, at);
      if (density > most) [best, most] = [k, density];
    }
    return best;
  }
}

function densityOf({ mean, inverse, determinant }: Component, values: ArrayLike<number>, at: number): number {
  const [r, g, b] = [values[at] - mean[0], values[at + 1] - mean[1], values[at + 2] - mean[2]];
  const square =
    r * (r * inverse[0] + g * inverse[3] + b * inverse[6]) +
    g * (r * inverse[1] + g * inverse[4] + b * inverse[7]) +
    b * (r * inverse[2] + g * inverse[5] + b * inverse[8]);
  return Math.exp(-square / 2) / Math.sqrt(determinant);
}

/** Number of the centre that each colour is nearest to. */
function nearestCentres({ values, counts }: Colours): Uint8Array {
  const nearest = partsByBrightness({ values, counts });
  for (let round = 0; round < ROUNDS; round++) {
    const centres = new Float64Array(3 * COMPONENTS);
    const weights = new Float64Array(COMPONENTS);
    for (let n = 0; n < counts.length; n++) {
      weights[nearest[n]] += counts[n];
      for (let a = 0; a < 3; a++) centres[3 * nearest[n] + a] += counts[n] * values[3 * n + a];
    }
    for (let i = 0; i < centres.length; i++) centres[i] /= weights[Math.floor(i / 3)];
    for (let n = 0; n < counts.length; n++) {
      let least = Infinity;
      for (let k = 0; k < COMPONENTS; k++) {
        let square = 0;
        for (let a = 0; a < 3; a++) square += (values[3 * n + a] - centres[3 * k + a]) ** 2;
        if (square < least) [nearest[n], least] = [k, square];
      }
    }
  }
  return nearest;
}

/** As many equal parts as there are components, from dark to bright. */
function partsByBrightness({ values, counts }: Colours): Uint8Array {
  const brightness = (n: number) => values[3 * n] + values[3 * n + 1] + values[3 * n + 2];
  const order = Array.from(counts, (_, n) => n).sort((a, b) => brightness(a) - brightness(b));
  const total = counts.reduce((sum, count) => sum + count, 0);
  const parts = new Uint8Array(counts.length);
  let before = 0;
  for (const n of order) {
    parts[n] = Math.min(COMPONENTS - 1, Math.floor((COMPONENTS * (before + counts[n] / 2)) / total));
    before += counts[n];
  }
  return parts;
}

function determinantOf([a, b, c, d, e, f, g, h, i]: readonly number[]): number {
  return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
}

function inverseOf([a, b, c, d, e, f, g, h, i]: readonly number[], determinant: number): readonly number[] {
  return [
    e * i - f * h,
    c * h - b * i,
    b * f - c * e,
    f * g - d * i,
    a * i - c * g,
    c * d - a * f,
    d * h - e * g,
    b * g - a * h,
    a * e - b * d,
  ].map((minor) => minor / determinant);
}
