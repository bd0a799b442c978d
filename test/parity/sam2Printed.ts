import { expect } from "vitest";
import { expectNear } from "./golden.js";
import { TABLE, type PrintedPrompt } from "./sam2Oracle.js";

/** Pixels of masks agree, but for one here and there that rounding moves. */
export function expectPixels(got: number, expected: number, what = "pixels"): void {
  expect(Math.abs(got - expected), what).toBeLessThan(5);
}

/** MedSAM2's features of a frame are the printed ones. */
export function expectFrame({ frame, ...found }: Readonly<Record<string, readonly number[]>>): void {
  expectNear(frame, [1.73259, -1.19892, 0.93233], 4);
  expect(Object.keys(found)).toEqual(Object.keys(TABLE));
  for (const [path, [expected]] of Object.entries(TABLE)) expectNear(found[path], expected, 3);
}

/** What MedSAM2 finds with a prompt is what is printed. */
export function expectPrompt([pixels, ...found]: readonly number[], printed: PrintedPrompt): void {
  expectPixels(pixels, printed.positives);
  for (const [n, expected] of printed.numbers.entries())
    if (expected !== undefined) expectNear([found[n]], [expected], 3);
}
