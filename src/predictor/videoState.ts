import type { Mask } from "../image/mask.js";
import type { PixelImage } from "../image/pixels.js";
import { EMPTY_BANK, recordOf, recordOfObjects, type FrameRecord, type MemoryBank } from "./memoryBank.js";
import { PromptError, type Point } from "./types.js";

/** The frames of a video, or the slices of a volume, read one at a time. */
export interface VideoFrames {
  readonly count: number;
  /** Size of every frame in pixels. */
  readonly width: number;
  readonly height: number;
  /** The frame number `index`, from 0 on. */
  read(index: number): PixelImage | Promise<PixelImage>;
}

/** What was asked for an object in a frame: clicks, with the corners of a box before them, or a mask. */
export type FramePrompt =
  | {
      readonly points: readonly Point[];
      /** 1 in the object, 0 outside it, 2 and 3 top left and bottom right corner of a box. */
      readonly labels: readonly number[];
    }
  | { readonly mask: Mask };

/** What prompts found for one object, before the next propagation makes a memory of it. */
export interface PendingRecord {
  /** Of this object alone, without a memory. */
  readonly record: FrameRecord;
  /** The frame had not been tracked: it becomes one that all others look at. */
  readonly conditioning: boolean;
}

/** By object, then by frame. */
export type ByObject<T> = ReadonlyMap<number, ReadonlyMap<number, T>>;

/**
 * All that is known of a video that is being segmented, as plain values that never change: numbers, arrays and maps,
 * which `structuredClone` copies and a file can hold. Objects are numbers of the caller's, frames go from 0.
 */
export interface VideoValues {
  /** In the order in which they came; this is also their order in all arrays of `bank`. */
  readonly objects: readonly number[];
  /** By object, then by frame. */
  readonly prompts: ByObject<FramePrompt>;
  /** By object, then by frame. */
  readonly pending: ByObject<PendingRecord>;
  readonly bank: MemoryBank;
  /** Frames that a propagation went through, and whether it went backwards. */
  readonly tracked: ReadonlyMap<number, { readonly reverse: boolean }>;
  /** A propagation has begun: until a reset no object can be added. */
  readonly started: boolean;
}

export const NO_VALUES: VideoValues = {
  objects: [],
  prompts: new Map(),
  pending: new Map(),
  bank: EMPTY_BANK,
  tracked: new Map(),
  started: false,
};

/** A video and what is known of it. */
export interface VideoState {
  readonly frames: VideoFrames;
  /** What is known now. Each call that succeeds puts other values here; one that fails leaves them as they are. */
  values: VideoValues;
}

/** The place of an object in all arrays. @throws PromptError when there is none of this number. */
export function indexOfObject({ objects }: VideoValues, object: number): number {
  const index = objects.indexOf(object);
  if (index === -1)
    throw new PromptError(
      `there is no object ${object}; ${objects.length === 0 ? "no object has been prompted yet" : `there are ${objects.join(", ")}`}`,
    );
  return index;
}

/** With an object, if it is new. @throws PromptError for a new one after a propagation has begun. */
export function withObject(values: VideoValues, object: number): VideoValues {
  const { objects, started } = values;
  if (objects.includes(object)) return values;
  if (started)
    throw new PromptError(
      `object ${object} is new, and objects ${objects.join(", ")} are being tracked already; reset the state to begin ` +
        "with other objects",
    );
  return { ...values, objects: [...objects, object] };
}

/** With what was asked for an object in a frame, and what came of it. */
export function withPrompt(
  values: VideoValues,
  object: number,
  frame: number,
  prompt: FramePrompt,
  pending: PendingRecord,
): VideoValues {
  return {
    ...values,
    prompts: put(values.prompts, object, frame, prompt),
    pending: put(values.pending, object, frame, pending),
  };
}

/** Without what was asked for an object in a frame. What is known of the frame stays, as if it had been tracked. */
export function withoutPrompt(values: VideoValues, object: number, frame: number): VideoValues {
  return {
    ...values,
    prompts: remove(values.prompts, object, frame),
    pending: remove(values.pending, object, frame),
  };
}

/** Whether anything is asked for in a frame, of any object. */
export function isPrompted({ prompts }: VideoValues, frame: number): boolean {
  return [...prompts.values()].some((byFrame) => byFrame.has(frame));
}

/** Frames that have results of prompts which are no memory yet, ascending. */
export function pendingFrames({ pending }: VideoValues): number[] {
  const frames = [...pending.values()].flatMap((byFrame) => [...byFrame.keys()]);
  return [...new Set(frames)].sort((a, b) => a - b);
}

/** What is known of one object in a frame: of prompts since the last propagation, or of that. */
export function objectRecord(values: VideoValues, object: number, frame: number): FrameRecord | undefined {
  const pending = values.pending.get(object)?.get(frame);
  if (pending !== undefined) return pending.record;
  const record = recordOf(values.bank, frame);
  return record && recordOfObjects(record, [indexOfObject(values, object)], values.objects.length);
}

function put<T>(all: ByObject<T>, object: number, frame: number, value: T): ByObject<T> {
  return new Map(all).set(object, new Map(all.get(object)).set(frame, value));
}

function remove<T>(all: ByObject<T>, object: number, frame: number): ByObject<T> {
  const byFrame = new Map(all.get(object));
  byFrame.delete(frame);
  return new Map(all).set(object, byFrame);
}
