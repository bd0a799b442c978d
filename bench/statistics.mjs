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
 * Multiply-adds of SAM's image encoder on one image, of products alone. Windowed blocks compute on the padded grid
 * within attention and, in the least, on the real tokens elsewhere.
 */
export function encoderMultiplyAdds({ imageSize, patchSize, promptEmbedDim, imageEncoder }) {
  const { embedDim: dim, depth, mlpRatio, windowSize, globalAttnIndexes } = imageEncoder;
  const grid = imageSize / patchSize;
  const tokens = grid ** 2;
  const linear = depth * tokens * dim ** 2 * (4 + 2 * mlpRatio);
  const windows = Math.ceil(grid / windowSize) ** 2;
  const attention =
    globalAttnIndexes.length * 2 * tokens ** 2 * dim +
    (depth - globalAttnIndexes.length) * windows * 2 * windowSize ** 4 * dim;
  const patches = tokens * patchSize ** 2 * 3 * dim;
  const neck = tokens * promptEmbedDim * (dim + 9 * promptEmbedDim);
  return linear + attention + patches + neck;
}
