import { sizeOf } from "./checkpoint.js";

/**
 * What a fresh parameter starts with: one number everywhere; values that a function gives, in PyTorch's order; or one of
 * the distributions by which PyTorch fills parameters. `fanIn` bounds are those of `nn.Linear` and `nn.Conv2d`
 * (`kaiming_uniform_(a=sqrt(5))`, which is uniform in ±1/sqrt(fanIn), for weight and bias alike).
 */
export type Initial =
  | number
  | ((shape: readonly number[]) => ArrayLike<number>)
  | { readonly kind: "normal"; readonly std: number }
  | { readonly kind: "fanIn"; readonly fanIn: number };

/** All 0, as PyTorch starts biases of norms and position tables. */
export const ZEROS: Initial = 0;
/** All 1, as PyTorch starts weights of norms. */
export const ONES: Initial = 1;
/** Standard normal: `nn.Embedding`, and the Gaussian matrix of SAM's random positional encoding. */
export const NORMAL: Initial = { kind: "normal", std: 1 };

/** Normal with a small deviation: SAM 2's loose vectors (`trunc_normal_(std=0.02)`, which at ±2 cuts nothing off). */
export const SMALL_NORMAL: Initial = { kind: "normal", std: 0.02 };

/** Uniform in ±1/√count, as PyTorch starts linear layers and convolutions with so many inputs. */
export function fanIn(count: number): Initial {
  return { kind: "fanIn", fanIn: count };
}

/** FNV-1a, 32 bits, of an ASCII string. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** A stream of uniform numbers in [0, 1) (mulberry32): small, seeded, the same on every machine. */
export function randomStream(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Initial values of one parameter. The stream depends on seed and path alone, not on the order of building.
 *
 * @throws RangeError for a value that is not finite, or a function that gives another number of values.
 */
export function initialValues(
  path: string,
  shape: readonly number[],
  initial: Initial,
  seed: number,
): Float32Array {
  const count = sizeOf(shape);
  if (typeof initial === "number") return checked(path, shape, new Float32Array(count).fill(initial));
  if (typeof initial === "function") return checked(path, shape, Float32Array.from(initial(shape)));
  const random = randomStream((hashOf(path) ^ Math.imul(seed, 0x9e3779b1)) >>> 0);
  if (initial.kind === "normal")
    return Float32Array.from(
      { length: count },
      () => initial.std * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
    );
  const bound = 1 / Math.sqrt(initial.fanIn);
  return Float32Array.from({ length: count }, () => (2 * random() - 1) * bound);
}

function checked(path: string, shape: readonly number[], values: Float32Array): Float32Array {
  const [count, bad] = [sizeOf(shape), values.find((value) => !Number.isFinite(value))];
  if (values.length === count && bad === undefined) return values;
  throw new RangeError(
    `${path}: its initial values are ${bad === undefined ? `${values.length} numbers` : `not all finite, one is ${bad}`}; ` +
      `expected ${count} finite numbers, for the shape [${shape}]`,
  );
}
