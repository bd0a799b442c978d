import { connectedComponents } from "../image/components.js";
import { labelsIn, maskOfLabel, type Mask } from "../image/mask.js";
import type { LabelImage } from "../image/pixels.js";
import type { Random } from "./random.js";

/**
 * The pixels of one label of a map, each label as likely; `undefined` when there is only background (0).
 *
 * @see MedSAM's train_one_gpu.py, `NpyDataset`
 */
export function randomLabel(labels: LabelImage, random: Random): Mask | undefined {
  const present = labelsIn(labels);
  return present.length === 0 ? undefined : maskOfLabel(labels, random.pick(present));
}

/**
 * One connected piece of a label, for maps whose labels are kinds of things rather than things: first each label is as
 * likely, then each of its pieces.
 *
 * @param leastPixels smaller pieces do not count. `undefined` when the label drawn has no other.
 */
export function randomComponent(labels: LabelImage, random: Random, leastPixels: number): Mask | undefined {
  const mask = randomLabel(labels, random);
  if (mask === undefined) return undefined;
  const { labels: pieces, sizes } = connectedComponents(mask);
  const large = sizes.flatMap((size, index) => (size >= leastPixels ? [index + 1] : []));
  if (large.length === 0) return undefined;
  const piece = random.pick(large);
  const data = new Uint8Array(pieces.length);
  for (let i = 0; i < data.length; i++) if (pieces[i] === piece) data[i] = 1;
  return { ...mask, data };
}
