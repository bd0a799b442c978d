import { describe, expect, it } from "vitest";
import {
  bankOfObjects,
  EMPTY_BANK,
  isSettled,
  keepMemories,
  recordOf,
  remember,
  withCorrected,
  withoutPrompts,
  withPrompted,
  withTracked,
  type FrameRecord,
  type MemoryBank,
} from "../../../src/predictor/memoryBank.js";

const LIMITS = { frameCount: 100, numMaskmem: 7, maxObjPtrsInEncoder: 16 };

/** A record of two objects, all of whose numbers are the frame's and the object's. */
function record(frame: number, prompted = false): FrameRecord {
  const numbers = (size: number) =>
    Float32Array.from({ length: 2 * size }, (_, n) => 10 * frame + Math.floor(n / size));
  return {
    lowResMasks: numbers(4),
    pointers: numbers(3),
    objectScores: numbers(1),
    ious: numbers(1),
    spatial: numbers(2),
    prompted,
  };
}

const bankOf = (prompted: number[], tracked: number[]): MemoryBank =>
  tracked.reduce(
    (bank, frame) => withTracked(bank, frame, record(frame)),
    prompted.reduce((bank, frame) => withPrompted(bank, frame, record(frame, true)), EMPTY_BANK),
  );

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
const seen = (frames: readonly { frame: number; framesAway: number }[]) =>
  frames.map(({ frame, framesAway }) => `${frame}:${framesAway}`).join(" ");

describe("what a frame attends to", () => {
  it("is the prompted frame at first, then up to six tracked ones and fifteen pointers", () => {
    const first = remember(bankOf([9], []), 10, false, LIMITS);
    expect([seen(first.spatial), seen(first.pointers)]).toEqual(["9:7", "9:1"]);
    const later = remember(bankOf([9], range(10, 39)), 40, false, LIMITS);
    expect(seen(later.spatial)).toBe("9:7 34:6 35:5 36:4 37:3 38:2 39:1");
    expect(seen(later.pointers)).toBe(
      `9:31 ${range(1, 15)
        .map((n) => `${40 - n}:${n}`)
        .join(" ")}`,
    );
    expect(later.pointerRange).toBe(15);
  });

  it("lies after it when the video is tracked backwards", () => {
    const { spatial, pointers } = remember(bankOf([9], [8, 7, 10]), 6, true, LIMITS);
    expect(seen(spatial)).toBe("9:7 10:4 8:2 7:1");
    expect(seen(pointers)).toBe("9:3 7:1 8:2 10:4");
  });

  it("is every prompted frame's memory, but no pointer of one that is still to come", () => {
    const { spatial, pointers } = remember(bankOf([30, 2, 12], []), 12, false, LIMITS);
    expect(seen(spatial)).toBe("2:7 12:7 30:7");
    expect(seen(pointers)).toBe("2:10 12:0");
  });

  it("has no more pointers than the video has frames", () => {
    const { pointerRange, pointers } = remember(bankOf([0], [1, 2]), 3, false, { ...LIMITS, frameCount: 4 });
    expect(pointerRange).toBe(3);
    expect(seen(pointers)).toBe("0:3 2:1 1:2");
    expect(remember(bankOf([0], []), 0, false, { ...LIMITS, frameCount: 1 }).pointerRange).toBe(1);
  });
});

describe("a bank", () => {
  it("never changes", () => {
    const before = bankOf([1], [2, 3]);
    const copy = structuredClone(before);
    withPrompted(before, 2, record(2));
    withCorrected(before, 3, record(9));
    withoutPrompts(before, 1);
    keepMemories(before, () => false);
    bankOfObjects(before, [1], 2);
    expect(before).toEqual(copy);
  });

  it("keeps what prompts gave, until they are taken back", () => {
    const bank = withCorrected(bankOf([1], [2, 3]), 3, record(3, true));
    expect([1, 2, 3].map((frame) => isSettled(bank, frame))).toEqual([true, false, true]);
    const without = withoutPrompts(withoutPrompts(bank, 1), 3);
    expect([1, 2, 3].map((frame) => isSettled(without, frame))).toEqual([false, false, false]);
    expect([...without.tracked.keys()].sort()).toEqual([1, 2, 3]);
    // Its memory is still that of a prompt.
    expect(recordOf(without, 1)?.prompted).toBe(true);
    expect(isSettled(withPrompted(bank, 2, record(2)), 2)).toBe(true);
    expect(withPrompted(bank, 2, record(2)).tracked.has(2)).toBe(false);
  });

  it("drops memories of tracked frames alone, and nothing but memories", () => {
    const bank = keepMemories(bankOf([1], [2, 3]), (frame) => frame === 3);
    expect(recordOf(bank, 1)?.spatial).toBeDefined();
    expect(recordOf(bank, 3)?.spatial).toBeDefined();
    expect(recordOf(bank, 2)).toEqual({ ...record(2), spatial: undefined });
    expect(keepMemories(bank, () => true)).toBe(bank);
  });

  it("gives one object's part", () => {
    const { prompted, tracked } = bankOfObjects(bankOf([1], [2]), [1], 2);
    expect([...prompted.get(1)!.pointers]).toEqual([11, 11, 11]);
    expect([...tracked.get(2)!.lowResMasks]).toEqual([21, 21, 21, 21]);
    expect([...tracked.get(2)!.spatial!]).toEqual([21, 21]);
  });
});
