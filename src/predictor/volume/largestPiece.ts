import { cropMask, pasteInto, type Region } from "../../image/crop.js";
import { maskBox, type Mask } from "../../image/mask.js";
import { piecesOf } from "../../volume/pieces.js";
import type { TrackedMask } from "./tracker.js";

/** An object in a slice, the mask without what is empty around it. */
interface Cut {
  readonly found: Omit<TrackedMask, "mask">;
  /** Size of the slice. */
  readonly size: { readonly width: number; readonly height: number };
  readonly region: Region;
  readonly mask: Mask;
}

/**
 * Keeps of each object the piece with the most voxels, the first of equal ones; voxels that touch at a corner belong
 * together. Masks are given when all are found; when finding them fails, those found before are given first.
 *
 * @see bowang-lab/MedSAM2, medsam2_infer_3D_CT.py, `getLargestCC`
 */
export async function* largestPieces(
  found: AsyncIterable<TrackedMask>,
): AsyncGenerator<TrackedMask, void, undefined> {
  const objects = new Map<number, Cut[]>();
  let failure: { readonly error: unknown } | undefined;
  try {
    for await (const one of found) {
      const slices = objects.get(one.object) ?? [];
      slices.push(cut(one));
      objects.set(one.object, slices);
    }
  } catch (error) {
    failure = { error };
  }
  for (const slices of objects.values()) yield* largestPiece(slices);
  if (failure !== undefined) throw failure.error;
}

function* largestPiece(slices: readonly Cut[]): Generator<TrackedMask> {
  const whole = around(slices.map(({ region }) => region));
  const area = whole.width * whole.height;
  const numbers = slices.map(({ found }) => found.slice);
  const first = Math.min(...numbers);
  const depth = Math.max(...numbers) + 1 - first;
  const solid = new Uint8Array(area * depth);
  for (const { found, region, mask } of slices) {
    const place = { ...region, x: region.x - whole.x, y: region.y - whole.y };
    const inside = mask.data.map((value) => (value ? 1 : 0));
    solid.set(pasteInto(inside, place, whole, 0), area * (found.slice - first));
  }
  const { numbers: pieces, sizes } = piecesOf([whole.width, whole.height, depth], solid);
  const most = sizes.reduce((a, b) => Math.max(a, b), 0);
  const largest = 1 + sizes.indexOf(most);
  for (const { found, size } of slices) {
    const start = area * (found.slice - first);
    const kept = Uint8Array.from(pieces.subarray(start, start + area), (n) => (n === largest ? 1 : 0));
    yield { ...found, mask: { ...size, data: pasteInto(kept, whole, size, 0) } };
  }
}

function cut({ mask, ...found }: TrackedMask): Cut {
  const [x0, y0, x1, y1] = maskBox(mask) ?? [0, 0, -1, -1];
  const region = { x: x0, y: y0, width: x1 + 1 - x0, height: y1 + 1 - y0 };
  const { width, height } = mask;
  return { found, size: { width, height }, region, mask: cropMask(mask, region) };
}

/** The smallest region with some others in it; empty ones do not count. */
function around(regions: readonly Region[]): Region {
  let [x0, y0, x1, y1] = [Infinity, Infinity, 0, 0];
  for (const { x, y, width, height } of regions) {
    if (width === 0) continue;
    [x0, y0] = [Math.min(x0, x), Math.min(y0, y)];
    [x1, y1] = [Math.max(x1, x + width), Math.max(y1, y + height)];
  }
  return x1 === 0 ? { x: 0, y: 0, width: 0, height: 0 } : { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
}
