import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OutOfMemoryError } from "../../../src/backend/outOfMemory.js";
import { keepUnfinished, openVolumeCase, segmentVolumeCase } from "../../../src/cli/volumeCase.js";
import type { TrackedMask, Tracker } from "../../../src/predictor/volume/tracker.js";
import { boxPrompts } from "../../../src/predictor/volume/volumeObject.js";
import { readNpzLabels } from "../../../src/volume/npzVolume.js";
import { npzBytes } from "../../../src/volume/npzWrite.js";

const [WIDTH, HEIGHT, COUNT] = [6, 4, 9];

/** Finds the whole slice in some slices, then fails. */
class Failing implements Tracker {
  readonly follow = "memory";

  constructor(
    private readonly done: readonly number[],
    private readonly error: unknown,
  ) {}

  async *track(): AsyncGenerator<TrackedMask, void, undefined> {
    const mask = { width: WIDTH, height: HEIGHT, data: new Uint8Array(WIDTH * HEIGHT).fill(1) };
    for (const slice of this.done) yield { object: 0, slice, mask, prompted: slice === 4, score: 0.9 };
    await Promise.resolve();
    throw this.error;
  }
}

describe("a volume that fails in the middle", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "medsam-case-"));
    const imgs = { shape: [COUNT, HEIGHT, WIDTH], data: new Uint8Array(WIDTH * HEIGHT * COUNT) };
    writeFileSync(join(folder, "ct.npz"), npzBytes({ imgs }));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = async (tracker: Tracker, out: string, stop = new AbortController()) => {
    const objects = [{ label: 1, prompts: boxPrompts([[4, [1, 1, 4, 3]]]) }];
    const place = { path: join(folder, "ct.npz"), name: "ct", out };
    const opened = await openVolumeCase(place, {}, () => ({ objects }), {});
    const checkpoint = { name: "w.pt", sha256: "0", embedded: false };
    const again = { command: "medsam segment-volume ct.npz", folder: "the volume's" as const };
    const settings = { checkpoint, preset: "p", backend: "wasm", imageSize: 512, ...again };
    return segmentVolumeCase(tracker, opened, settings, { signal: stop.signal }).catch((error: unknown) =>
      keepUnfinished(error, opened, { ...settings, follow: tracker.follow }),
    );
  };

  it("keeps what was found under names that say so, and says what to lower", async () => {
    const out = join(folder, "memory");
    const error = new OutOfMemoryError("out of memory: no room");
    await expect(run(new Failing([4, 5, 6], error), out)).rejects.toThrow(
      /ct\.npz: out of memory: no room\. In a volume: follow fewer objects .* lower --image-size\. What was found before, in slices 4 to 6, is in .*ct_unfinished_labels\.npz/,
    );
    expect(existsSync(join(out, "ct_labels.npz"))).toBe(false);
    const labels = readNpzLabels(readFileSync(join(out, "ct_unfinished_labels.npz")), "labels");
    expect(labels.data.filter((label) => label === 1)).toHaveLength(3 * WIDTH * HEIGHT);
    const told = JSON.parse(readFileSync(join(out, "ct_unfinished.json"), "utf8")) as object;
    expect(told).toMatchObject({ unfinished: "out of memory: no room", provenance: { follow: "memory" } });
  });

  it("says nothing of memory where something else failed, and writes nothing where nothing was found", async () => {
    const out = join(folder, "other");
    const error = new RangeError("values that are not numbers");
    await expect(run(new Failing([], error), out)).rejects.toBe(error);
    expect(existsSync(out)).toBe(false);
    await expect(run(new Failing([4], error), out)).rejects.toThrow(
      /ct\.npz: values that are not numbers\. What was found before, in slices 4 to 4/,
    );
  });

  it("writes nothing when it is stopped", async () => {
    const out = join(folder, "stopped");
    const stop = new AbortController();
    stop.abort(new Error("interrupted"));
    await expect(run(new Failing([4], stop.signal.reason), out, stop)).rejects.toBe(stop.signal.reason);
    expect(existsSync(out)).toBe(false);
  });
});
