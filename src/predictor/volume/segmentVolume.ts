import type { Axis } from "../../volume/values.js";
import type { Volume } from "../../volume/volume.js";
import { VolumeError } from "../../volume/volumeError.js";
import type { LongCall } from "../longCall.js";
import { PromptError } from "../types.js";
import { volumeFrames } from "./frames.js";
import type { Tracker } from "./tracker.js";
import { checkObjects, type VolumeObject } from "./volumeObject.js";
import { VolumeResult, type VolumeSegmentation } from "./volumeResult.js";

/** How a volume is walked through. */
export interface SegmentVolumeOptions extends LongCall {
  /** Axis of voxels that the slices lie along; default 2, as stored. */
  readonly axis?: Axis;
}

/** A volume of which a part was segmented, when something failed in the middle of it: that is its `cause`. */
export class UnfinishedVolumeError extends Error {
  override name = "UnfinishedVolumeError";

  /** @param found in the slices that were done. */
  constructor(
    readonly found: VolumeSegmentation,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/**
 * Segments objects in a volume from prompts in some of its slices.
 *
 * @param tracker follows them into the others: `BoxTracker`, `MemoryTracker`.
 * @param volume of 8-bit values (`eightBitVolume`), one frame.
 * @throws PromptError for objects that cannot be in this volume; VolumeError for a margin in mm where the spacing is not
 *   known; the signal's reason when stopped; UnfinishedVolumeError when something else fails after something was found.
 */
export async function segmentVolume(
  tracker: Tracker,
  volume: Volume,
  asked: readonly VolumeObject[],
  { axis = 2, ...call }: SegmentVolumeOptions = {},
): Promise<VolumeSegmentation> {
  const frames = volumeFrames(volume, axis);
  const objects = checkObjects(frames, asked);
  const result = new VolumeResult(volume, objects, axis);
  let isBegun = false;
  try {
    for await (const found of tracker.track(frames, objects, call)) {
      result.add(found);
      isBegun = true;
    }
  } catch (error) {
    const isWrongUse = error instanceof PromptError || error instanceof VolumeError;
    if (!isBegun || isWrongUse || call.signal?.aborted) throw error;
    throw new UnfinishedVolumeError(result.finish(), error);
  }
  return result.finish();
}
