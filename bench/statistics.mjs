/** The middle one, or the mean of the two in the middle. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** Largest difference of two lists of equal length, as a share of the second's largest magnitude. */
export function largestDifference(values, reference) {
  if (values.length !== reference.length)
    throw new RangeError(`${values.length} values against ${reference.length}`);
  let [largest, scale] = [0, 0];
  for (let i = 0; i < reference.length; i++) {
    const difference = Math.abs(values[i] - reference[i]);
    // A NaN must not pass for small.
    if (Number.isNaN(difference)) return NaN;
    largest = Math.max(largest, difference);
    scale = Math.max(scale, Math.abs(reference[i]));
  }
  return largest / scale;
}

/**
 * The matrix products of SAM's image encoder on one image: [rows, inner] times [inner, columns], `batch` at once where
 * there are several of a kind, `count` times. Windowed
 * blocks compute on the padded grid within attention and, in the least, on the real tokens elsewhere.
 */
export function encoderProducts({ imageSize, patchSize, promptEmbedDim, imageEncoder }) {
  const { embedDim: dim, depth, numHeads, mlpRatio, windowSize, globalAttnIndexes } = imageEncoder;
  const grid = imageSize / patchSize;
  const [tokens, head, window] = [grid ** 2, dim / numHeads, windowSize ** 2];
  const globals = globalAttnIndexes.length;
  const batch = Math.ceil(grid / windowSize) ** 2 * numHeads;
  return [
    { rows: tokens, inner: dim, columns: 3 * dim, count: depth }, // qkv
    { rows: tokens, inner: dim, columns: dim, count: depth }, // proj
    { rows: tokens, inner: dim, columns: mlpRatio * dim, count: depth },
    { rows: tokens, inner: mlpRatio * dim, columns: dim, count: depth },
    { rows: tokens, inner: head, columns: tokens, count: globals * numHeads }, // scores
    { rows: tokens, inner: tokens, columns: head, count: globals * numHeads }, // times the values
    { rows: window, inner: head, columns: window, count: depth - globals, batch },
    { rows: window, inner: window, columns: head, count: depth - globals, batch },
    { rows: tokens, inner: patchSize ** 2 * 3, columns: dim, count: 1 }, // patches
    { rows: tokens, inner: dim, columns: promptEmbedDim, count: 1 }, // neck
    { rows: tokens, inner: 9 * promptEmbedDim, columns: promptEmbedDim, count: 1 },
  ];
}

/** Multiply-adds of some products. */
export function multiplyAdds(products) {
  return products.reduce(
    (sum, { rows, inner, columns, count, batch = 1 }) => sum + rows * inner * columns * count * batch,
    0,
  );
}
