import { cropImage, cropMask, type Region } from "../image/crop.js";
import type { Mask } from "../image/mask.js";
import type { Overlay } from "../image/overlay.js";
import { resizeNearest } from "../image/resizeNearest.js";
import { resizeOpenCvCubic } from "../image/resizeOpenCv.js";
import type { EightBitImage } from "../predictor/presetTable.js";
import type { Point, Prompt } from "../predictor/types.js";

/** What the model sees of an image, and what is drawn on it. */
export interface Scene {
  readonly image: EightBitImage;
  readonly prompt: Omit<Overlay, "masks">;
  readonly query: { readonly x: number; readonly y: number };
  readonly single: Candidates;
  /** The candidates for ambiguous prompts, of weights that learnt to give them. */
  readonly several?: Candidates;
}

interface Candidates {
  readonly masks: readonly Mask[];
  readonly scores: readonly number[];
}

/** Longest side up to which a small part of an image is enlarged, in pixels. */
const LARGE = 640;

/** Cuts everything to the part of the image that the model sees, enlarged by a whole number where that is small. */
export function sceneOf(
  whole: EightBitImage,
  region: Region,
  given: { prompt: Prompt; query: Point; single: Candidates; several?: Candidates },
): Scene {
  const part = cropImage(whole, region) as EightBitImage;
  const scale = Math.max(1, Math.floor(LARGE / Math.max(part.width, part.height)));
  const [width, height] = [part.width * scale, part.height * scale];
  const x = (at: number) => (at - region.x) * scale;
  const y = (at: number) => (at - region.y) * scale;
  const seen = (mask: Mask): Mask => {
    const { data } = resizeNearest(cropMask(mask, region), width, height);
    return { width, height, data: data as Uint8Array };
  };
  const cut = ({ masks, scores }: Candidates): Candidates => ({ masks: masks.map(seen), scores });
  const { box, pointCoords = [], pointLabels = [] } = given.prompt;
  return {
    image: scale === 1 ? part : { width, height, channels: 3, data: resizeOpenCvCubic(part, width, height) },
    prompt: {
      boxes: box === undefined ? [] : [[x(box[0]), y(box[1]), x(box[2]), y(box[3])]],
      points: pointCoords.map(([px, py], n) => ({ x: x(px), y: y(py), foreground: pointLabels[n] === 1 })),
    },
    query: { x: x(given.query[0]), y: y(given.query[1]) },
    single: cut(given.single),
    ...(given.several && { several: cut(given.several) }),
  };
}
