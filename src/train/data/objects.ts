import { connectedComponents } from "../../image/components.js";
import { labelsIn, maskOfLabel, type Mask } from "../../image/mask.js";
import type { LabelImage } from "../../image/pixels.js";
import { DataError } from "./caseFile.js";

/**
 * What counts as one object of a label map: all pixels of a label, as in MedSAM's training, or each connected piece
 * of a label, for maps whose labels are kinds of things.
 */
export type ObjectRule = "labels" | "components";

/** Smaller pieces are the dirt of drawing, not things. */
const LEAST_PIECE = 10;

/** The objects of a label map, by ascending label. */
export function findObjects(labels: LabelImage, rule: ObjectRule): Mask[] {
  const masks = labelsIn(labels).map((label) => maskOfLabel(labels, label));
  return rule === "labels" ? masks : masks.flatMap(piecesOf);
}

/**
 * The same, for a map that must have some.
 *
 * @throws DataError when there are none, or the values are shades rather than labels.
 */
export function objectsOf(labels: LabelImage, rule: ObjectRule, name: string): Mask[] {
  assertNoShades(labels, name);
  const objects = findObjects(labels, rule);
  if (objects.length === 0)
    throw new DataError(
      labels.data.every((value) => value === 0)
        ? `${name}: is empty: all of it is background (0)`
        : `${name}: has no piece of at least ${LEAST_PIECE} pixels`,
    );
  return objects;
}

function piecesOf(mask: Mask): Mask[] {
  const { labels, sizes } = connectedComponents(mask);
  return sizes.flatMap((size, index) =>
    size < LEAST_PIECE
      ? []
      : [{ ...mask, data: Uint8Array.from(labels, (piece) => (piece === index + 1 ? 1 : 0)) }],
  );
}

/** A mask with soft edges has a little of many values between 0 and 255, and mostly 255. */
function assertNoShades({ data }: LabelImage, name: string): void {
  const counts = new Map<number, number>();
  for (let i = 0; i < data.length; i++)
    if (data[i] !== 0) counts.set(data[i], (counts.get(data[i]) ?? 0) + 1);
  const full = counts.get(255) ?? 0;
  const others = [...counts.values()].reduce((sum, count) => sum + count, 0) - full;
  if (counts.size >= 8 && !data.some((value) => value > 255) && full > others)
    throw new DataError(
      `${name}: has ${counts.size} values between 1 and 255 and mostly 255, so it is a mask with soft edges and no ` +
        "label map; threshold it first, and store it without resizing or JPEG",
    );
}
