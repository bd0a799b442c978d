import { connectedComponents } from "./components.js";

/**
 * Logits with small holes filled: of the pieces that are not above 0, pixels that touch at a corner belonging together,
 * those of at most `mostArea` pixels become `value`. The same array where there are none.
 *
 * @see sam2/utils/misc.py, `fill_holes_in_mask_scores`
 */
export function fillHoles(
  logits: Float32Array,
  { width, height }: { readonly width: number; readonly height: number },
  mostArea: number,
  value: number,
): Float32Array {
  return replacePieces(logits, { width, height }, mostArea, value, (logit) => !(logit > 0));
}

/** Logits with small pieces taken away: those above 0 of at most `mostArea` pixels become `value`. */
export function removeSprinkles(
  logits: Float32Array,
  { width, height }: { readonly width: number; readonly height: number },
  mostArea: number,
  value: number,
): Float32Array {
  return replacePieces(logits, { width, height }, mostArea, value, (logit) => logit > 0);
}

function replacePieces(
  logits: Float32Array,
  { width, height }: { readonly width: number; readonly height: number },
  mostArea: number,
  value: number,
  belongs: (logit: number) => boolean,
): Float32Array {
  if (mostArea <= 0) return logits;
  const data = Uint8Array.from(logits, (logit) => (belongs(logit) ? 1 : 0));
  const { labels, sizes } = connectedComponents({ width, height, data });
  if (sizes.every((size) => size > mostArea)) return logits;
  return logits.map((logit, n) => (labels[n] > 0 && sizes[labels[n] - 1] <= mostArea ? value : logit));
}
