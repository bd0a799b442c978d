import type { Mask } from "../../image/mask.js";
import type { LongCall } from "../longCall.js";
import type { Box } from "../types.js";
import type { Frames } from "./frames.js";
import type { VolumeObject } from "./volumeObject.js";

/** An object in one slice, as a tracker found it. */
export interface TrackedMask {
  /** Which of the objects, by its place in the list. */
  readonly object: number;
  readonly slice: number;
  /** Of the slice's size; empty where the object is not. */
  readonly mask: Mask;
  /** Whether the caller prompted the object in this slice. */
  readonly prompted: boolean;
  /** The box that the model was given, by the caller or by the tracker, where there was one. */
  readonly box?: Box;
  /** The model's own estimate of the overlap; 1 for a mask that was given. */
  readonly score: number;
  /** The model's logit that the object is in the slice, where it gives one: below 0 it is not. */
  readonly objectScore?: number;
}

/** A way of following objects from the slices where they are prompted through all others. */
export interface Tracker {
  /** What it goes by: the next box from the last mask, or the model's memory of the slices before. */
  readonly follow: "box" | "memory";
  /**
   * Follows all objects, both ways, each as far as its `within`. Gives masks as they are found, in an order of its own:
   * each slice of an object at most once, and every prompted one. Slices that it leaves out have nothing of the object.
   * What was given before an error or a stop is whole.
   *
   * @param objects that fit the frames, as `checkObjects` gives them.
   * @throws PromptError for prompts that this tracker cannot use; the signal's reason when stopped.
   */
  track(
    frames: Frames,
    objects: readonly VolumeObject[],
    call?: LongCall,
  ): AsyncGenerator<TrackedMask, void, undefined>;
}
