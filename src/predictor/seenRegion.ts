import { regionAround, wholeOf, type Region } from "../image/crop.js";
import type { Prompt } from "./types.js";

/**
 * The part of an image that the encoder is shown for a prompt: a square around its box that holds its points too. A
 * prompt without a box is shown the whole image. A mask of an earlier prediction lies on what the encoder was shown
 * then, so the encoder is shown the same again.
 *
 * @param crop times the longer side of the box; 0 for the whole image.
 */
export function seenRegion(
  { box, pointCoords, maskInput }: Prompt,
  crop: number,
  image: { readonly width: number; readonly height: number },
): Region {
  if (maskInput !== undefined) return maskInput.region ?? wholeOf(image);
  return box === undefined || crop === 0 ? wholeOf(image) : regionAround(box, crop, image, pointCoords);
}
