import { encodePng } from "../image/encode.js";
import { maskOfLabel } from "../image/mask.js";
import type { VolumeObject } from "../predictor/volume/volumeObject.js";
import type { EightBitFrames } from "../video/eightBitVideo.js";
import { sheetOf, type ShownSlice } from "./tiles.js";
import type { TrackedMasks } from "./trackedMasks.js";
import { chosenSlices, promptsIn } from "./volumePicture.js";

/** A contact sheet: some frames, the prompted ones among them, with what was asked for and found in them. */
export async function framesPicture(
  frames: EightBitFrames,
  masks: TrackedMasks,
  asked: readonly VolumeObject[],
): Promise<Uint8Array> {
  const prompted = new Set(asked.flatMap(({ prompts }) => [...prompts.keys()]));
  const values = [...new Set(asked.map(({ label }) => label))];
  const shown: ShownSlice[] = [];
  for (const frame of chosenSlices([...new Set([...masks.found, ...prompted])], [...prompted])) {
    const labels = await masks.labels(frame);
    shown.push({
      ...{ slice: frame, prompted: prompted.has(frame), image: await frames.read(frame) },
      objects: values.map((value) => ({
        found: maskOfLabel(labels, value),
        ...promptsIn(frame, asked.filter(({ label }) => label === value)), // prettier-ignore
      })),
    });
  }
  return encodePng(sheetOf(shown, frames.pixelSize ?? [1, 1]));
}
