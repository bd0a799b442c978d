import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect } from "vitest";
import { compareTensors, type Comparison, type Tolerance } from "../../src/inspect/compare.js";
import type { TracedTensor } from "../../src/inspect/trace.js";

/** Below this differences are rounding; the gradient of a key's bias, which is zero, consists of it. */
const FLOOR = 1e-6;
const HEADROOM = 10;

/** The most that may ever be allowed, for values around 1. */
export const LIMITS = {
  operation: { absolute: 1e-5, relative: 0 },
  block: { absolute: 1e-4, relative: 0 },
  encoder: { absolute: 1e-3, relative: 1e-4 },
  logits: { absolute: FLOOR, relative: 1e-3 },
  gradient: { absolute: FLOOR, relative: 5e-4 },
} as const satisfies Readonly<Record<string, Tolerance>>;

export type LimitName = keyof typeof LIMITS;

/** Differences seen, largest of each group of names, on the machine that recorded them. */
export type Measured = Record<string, { limit: LimitName; largest: number; relative: number }>;

const FOLDER = new URL("./measured/", import.meta.url);
/** One row of the table for all blocks, layers and heads: `image_encoder.blocks.*.attn`. */
function groupOf(name: string): string {
  return name.replace(/\.\d+(?=\.|$)/g, ".*");
}

/** Two digits say enough of a difference. */
function rounded(value: number): number {
  return Number(value.toPrecision(2));
}

function tighten(limit: Tolerance, seen: Measured[string] | undefined): Tolerance {
  if (seen === undefined) return limit;
  const within = (most: number, largest: number) => Math.min(most, Math.max(HEADROOM * largest, FLOOR));
  return limit.absolute > FLOOR
    ? { ...limit, absolute: within(limit.absolute, seen.largest) }
    : { ...limit, relative: within(limit.relative, seen.relative) };
}

/**
 * Compares named values with PyTorch's, each within the smaller of its limit and ten times what was seen when the
 * table was recorded. With MEDSAM_RECORD_PARITY=1 it records instead, within the limits.
 *
 * @param suite one table of docs/parity.md, and one file in `measured/`.
 */
export function expectParity(
  suite: string,
  got: ReadonlyMap<string, TracedTensor>,
  expected: ReadonlyMap<string, TracedTensor>,
  limitOf: (name: string) => LimitName,
): void {
  const file = new URL(`${suite}.json`, FOLDER);
  const recording = process.env["MEDSAM_RECORD_PARITY"] === "1";
  const measured = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Measured) : {};
  const failed: Comparison[] = [];
  expect(expected.size, "values to compare").toBeGreaterThan(0);
  for (const [name, reference] of expected) {
    const [limit, group] = [limitOf(name), groupOf(name)];
    const tolerance = recording ? LIMITS[limit] : tighten(LIMITS[limit], measured[group]);
    const comparison = compareTensors(name, got.get(name), reference, tolerance);
    if (!comparison.ok) failed.push(comparison);
    else if (recording) {
      const before = measured[group] ?? { limit, largest: 0, relative: 0 };
      measured[group] = {
        limit,
        largest: Math.max(before.largest, rounded(comparison.largest)),
        relative: Math.max(before.relative, rounded(comparison.relative)),
      };
    }
  }
  if (recording) {
    mkdirSync(FOLDER, { recursive: true });
    const sorted = Object.fromEntries(Object.entries(measured).sort(([a], [b]) => (a < b ? -1 : 1)));
    writeFileSync(file, `${JSON.stringify(sorted, null, 1)}\n`);
  }
  const lines = failed.map(
    ({ name, allowed, detail }) => `${name}: ${detail} (allowed ${allowed.toExponential(2)})`,
  );
  expect(lines, `${failed.length} of ${expected.size} differ`).toEqual([]);
}
