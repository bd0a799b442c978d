import type { LabelImage } from "./pixels.js";

/**
 * Resizes a label map to its nearest samples, as `skimage.transform.resize(labels, (height, width), order=0,
 * preserve_range=True, anti_aliasing=False)` does in MedSAM's data preparation: labels stay labels.
 */
export function resizeNearest(labels: LabelImage, width: number, height: number): LabelImage {
  const data = new (labels.data instanceof Uint16Array ? Uint16Array : Uint8Array)(width * height);
  const columns = Int32Array.from({ length: width }, (_, x) =>
    Math.floor(((x + 0.5) * labels.width) / width),
  );
  for (let y = 0, to = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * labels.height) / height) * labels.width;
    for (let x = 0; x < width; x++) data[to++] = labels.data[row + columns[x]];
  }
  return { width, height, data };
}
