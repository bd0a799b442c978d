/**
 * What is known of one frame, for all objects in their order. Plain numbers: with B objects, S the side of the
 * decoder's logits, C the width of pointers, N·M the size of a memory.
 */
export interface FrameRecord {
  /** B · S² logits, as the memory is made of them. */
  readonly lowResMasks: Float32Array;
  /** B · C. */
  readonly pointers: Float32Array;
  /** B, positive where the object is in the frame. */
  readonly objectScores: Float32Array;
  /** B, the model's own estimate of each mask's overlap with the object. */
  readonly ious: Float32Array;
  /** B · N · M. Absent where it was dropped or is not needed yet: it follows from the frame and the values above. */
  readonly spatial?: Float32Array;
  /** Found by prompts on this frame: its memory is made of the mask as it is seen, not of probabilities. */
  readonly prompted: boolean;
}

/** What SAM 2 remembers of a video. A bank never changes: functions return another one. Keys are frames, in any order. */
export interface MemoryBank {
  /** Frames that were prompted before they were tracked: every frame attends to them (`cond_frame_outputs` upstream). */
  readonly prompted: ReadonlyMap<number, FrameRecord>;
  /** Frames that were tracked: a frame attends to those just before it (`non_cond_frame_outputs` upstream). */
  readonly tracked: ReadonlyMap<number, FrameRecord>;
  /** Tracked frames that were prompted afterwards: they are not tracked again. */
  readonly corrected: ReadonlySet<number>;
}

export const EMPTY_BANK: MemoryBank = { prompted: new Map(), tracked: new Map(), corrected: new Set() };

/** The record of a frame, prompted or tracked. */
export function recordOf({ prompted, tracked }: MemoryBank, frame: number): FrameRecord | undefined {
  return prompted.get(frame) ?? tracked.get(frame);
}

/** Whether a propagation keeps what is known of a frame, because prompts gave it. */
export function isSettled({ prompted, corrected }: MemoryBank, frame: number): boolean {
  return prompted.has(frame) || corrected.has(frame);
}

/** With a frame that was prompted before it was tracked. */
export function withPrompted(bank: MemoryBank, frame: number, record: FrameRecord): MemoryBank {
  return {
    prompted: new Map(bank.prompted).set(frame, record),
    tracked: without(bank.tracked, frame),
    corrected: omit(bank.corrected, frame),
  };
}

/** With a frame that was tracked and then prompted. */
export function withCorrected(bank: MemoryBank, frame: number, record: FrameRecord): MemoryBank {
  return { ...withTracked(bank, frame, record), corrected: new Set(bank.corrected).add(frame) };
}

/** With a frame that was tracked. */
export function withTracked(bank: MemoryBank, frame: number, record: FrameRecord): MemoryBank {
  return { ...bank, tracked: new Map(bank.tracked).set(frame, record) };
}

/** With a frame that has no prompts any more: it counts as tracked. */
export function withoutPrompts(bank: MemoryBank, frame: number): MemoryBank {
  const record = recordOf(bank, frame);
  return {
    prompted: without(bank.prompted, frame),
    tracked: record === undefined ? bank.tracked : new Map(bank.tracked).set(frame, record),
    corrected: omit(bank.corrected, frame),
  };
}

/** With the memories of tracked frames dropped where `keeps` is false. Their masks and pointers stay. */
export function keepMemories(bank: MemoryBank, keeps: (frame: number) => boolean): MemoryBank {
  const dropped = [...bank.tracked].filter(([frame, { spatial }]) => spatial !== undefined && !keeps(frame));
  if (dropped.length === 0) return bank;
  const tracked = new Map(bank.tracked);
  for (const [frame, { lowResMasks, pointers, objectScores, ious, prompted }] of dropped)
    tracked.set(frame, { lowResMasks, pointers, objectScores, ious, prompted });
  return { ...bank, tracked };
}

/** Without the tracked frames where `keeps` is false. */
export function keepTracked(bank: MemoryBank, keeps: (frame: number) => boolean): MemoryBank {
  return {
    ...bank,
    tracked: new Map([...bank.tracked].filter(([frame]) => keeps(frame))),
    corrected: new Set([...bank.corrected].filter(keeps)),
  };
}

/** The bank of some of the objects, in the order of `indices`. @param count of all objects. */
export function bankOfObjects(bank: MemoryBank, indices: readonly number[], count: number): MemoryBank {
  const part = (records: MemoryBank["tracked"]) =>
    new Map([...records].map(([frame, record]) => [frame, recordOfObjects(record, indices, count)] as const));
  return { ...bank, prompted: part(bank.prompted), tracked: part(bank.tracked) };
}

/** The record of some of the objects. */
export function recordOfObjects(record: FrameRecord, indices: readonly number[], count: number): FrameRecord {
  const part = (values: Float32Array) => {
    const size = values.length / count;
    return joined(indices.map((index) => values.subarray(index * size, (index + 1) * size)));
  };
  return {
    lowResMasks: part(record.lowResMasks),
    pointers: part(record.pointers),
    objectScores: part(record.objectScores),
    ious: part(record.ious),
    ...(record.spatial && { spatial: part(record.spatial) }),
    prompted: record.prompted,
  };
}

/** Arrays one after the other. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Limits of what a frame attends to; see `Sam2Config`. */
export interface MemoryLimits {
  readonly frameCount: number;
  readonly numMaskmem: number;
  readonly maxObjPtrsInEncoder: number;
}

/** A frame to attend to, and how many frames earlier it is; `numMaskmem` for the memory of a prompted one. */
export interface RememberedFrame {
  readonly frame: number;
  readonly framesAway: number;
}

/** The frames that one frame attends to. */
export interface Remembered {
  readonly spatial: readonly RememberedFrame[];
  readonly pointers: readonly RememberedFrame[];
  /** Frames by which distances of pointers are divided. */
  readonly pointerRange: number;
}

/**
 * Chooses what a frame attends to: memories of all prompted frames, then of those tracked just before it, the farthest
 * first; pointers of prompted frames up to this one, then of those tracked before it.
 *
 * @param reverse true when the video is tracked backwards: "before" is then later in the video.
 * @see sam2/modeling/sam2_base.py, `_prepare_memory_conditioned_features`
 */
export function remember(
  { prompted, tracked }: MemoryBank,
  frame: number,
  reverse: boolean,
  { frameCount, numMaskmem, maxObjPtrsInEncoder }: MemoryLimits,
): Remembered {
  const step = reverse ? -1 : 1;
  const trackedBefore = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ frame: frame - step * (n + 1), framesAway: n + 1 })).filter(
      (other) => tracked.has(other.frame),
    );
  const known = [...prompted.keys()].sort((a, b) => a - b);
  const most = Math.min(frameCount, maxObjPtrsInEncoder);
  return {
    spatial: [
      ...known.map((other) => ({ frame: other, framesAway: numMaskmem })),
      ...trackedBefore(numMaskmem - 1).toReversed(),
    ],
    pointers: [
      ...known
        .map((other) => ({ frame: other, framesAway: step * (frame - other) }))
        .filter(({ framesAway }) => framesAway >= 0),
      ...trackedBefore(most - 1),
    ],
    pointerRange: Math.max(1, most - 1),
  };
}

function without<T>(map: ReadonlyMap<number, T>, key: number): ReadonlyMap<number, T> {
  if (!map.has(key)) return map;
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}

function omit(set: ReadonlySet<number>, value: number): ReadonlySet<number> {
  if (!set.has(value)) return set;
  const copy = new Set(set);
  copy.delete(value);
  return copy;
}
