import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Progress } from "../../../src/cli/progress.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A stream and all that was written to it. */
function stream(isTTY: boolean) {
  const sink = Object.assign(new PassThrough(), { isTTY });
  return { sink, written: () => (sink.read() as Buffer | null)?.toString() ?? "" };
}

test.each([true, false])("a short job shows nothing (terminal: %s)", (isTTY) => {
  const { sink, written } = stream(isTTY);
  const progress = new Progress("segmenting", sink);
  progress.update(0.1);
  vi.advanceTimersByTime(1900);
  progress.update(0.9);
  progress.stop();
  expect(written()).toBe("");
});

test("a long job shows a line every ten seconds where there is no terminal", () => {
  const { sink, written } = stream(false);
  const progress = new Progress("segmenting", sink);
  for (let second = 1; second <= 15; second++) {
    vi.advanceTimersByTime(1000);
    progress.update(second / 20, "a.png");
  }
  progress.stop();
  expect(written()).toBe("medsam: 10 % | a.png\nmedsam: 60 % | a.png\n");
});

test("a long job shows a bar in a terminal and takes it away", () => {
  const { sink, written } = stream(true);
  const progress = new Progress("segmenting", sink);
  vi.advanceTimersByTime(3000);
  progress.update(0.5, "a.png");
  progress.stop();
  const text = written();
  expect(text).toContain("50 % | a.png");
  const clearLine = "\u001b[2K";
  expect(text.endsWith(clearLine)).toBe(true);
});
