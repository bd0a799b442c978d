import { hashOf, randomStream } from "../weights/initial.js";

/** Values of the standard normal distribution at the middles of equal shares: a look-up is the fastest draw. */
const NORMALS = normalQuantiles(4096);

/**
 * A stream of random numbers that can be split: `split(key)` gives another stream, which depends on this one's seed
 * and on the key alone, never on what was drawn before. So every choice of a run comes from one seed, and may be made
 * again in any order.
 */
export class Random {
  /** Uniform in [0, 1). */
  readonly next: () => number;

  constructor(private readonly seed: number) {
    this.next = randomStream(seed);
  }

  /** Another stream, of this one's seed and `key`. */
  split(key: string | number): Random {
    return new Random(hashOf(`${this.seed}/${key}`));
  }

  /** Uniform in [low, high). */
  uniform(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Uniform in the logarithm, [low, high). */
  logUniform(low: number, high: number): number {
    return low * (high / low) ** this.next();
  }

  /** A whole number, uniform in low..high, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor((high - low + 1) * this.next());
  }

  /** True in a share `p` of draws. */
  chance(p: number): boolean {
    return this.next() < p;
  }

  /** -1 or 1. */
  sign(): number {
    return this.next() < 0.5 ? -1 : 1;
  }

  /** One of the items, each as likely. */
  pick<T>(items: ArrayLike<T>): T {
    return items[Math.floor(items.length * this.next())];
  }

  /** Standard normal, within ±3.7. */
  normal(): number {
    return NORMALS[Math.floor(NORMALS.length * this.next())];
  }
}

/** The distribution's middle of each of `count` equal shares, by adding up its density in small steps. */
function normalQuantiles(count: number): Float32Array {
  const density = (x: number) => Math.exp(-(x ** 2) / 2);
  const steps = Array.from({ length: 16384 }, (_, n) => (n + 0.5) / 2048 - 4); // -4..4
  const total = steps.reduce((sum, x) => sum + density(x), 0);
  const out = new Float32Array(count);
  let [index, sum] = [0, 0];
  for (const x of steps) {
    sum += density(x) / total;
    while (index < count && (index + 0.5) / count <= sum) out[index++] = x;
  }
  return out;
}
