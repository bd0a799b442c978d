import { describe, expect, it } from "vitest";
import { largestPieces } from "../../../../src/predictor/volume/largestPiece.js";
import type { TrackedMask } from "../../../../src/predictor/volume/tracker.js";

/** Slices of a 5 x 3 volume as text, `#` inside. */
function drawn(object: number, ...slices: string[]): TrackedMask[] {
  return slices.map((text, slice) => {
    const data = Uint8Array.from(text.replaceAll("/", ""), (pixel) => (pixel === "#" ? 1 : 0));
    return { object, slice, mask: { width: 5, height: 3, data }, prompted: false, score: 1 };
  });
}

function text({ mask: { data } }: TrackedMask): string {
  const pixels = [...data].map((value) => (value ? "#" : "."));
  return [0, 5, 10].map((start) => pixels.slice(start, start + 5).join("")).join("/");
}

async function* given(masks: readonly TrackedMask[], error?: Error): AsyncGenerator<TrackedMask> {
  yield* masks;
  await Promise.resolve();
  if (error !== undefined) throw error;
}

async function largest(masks: readonly TrackedMask[]): Promise<string[]> {
  const found: string[] = [];
  for await (const one of largestPieces(given(masks))) found.push(`${one.object}: ${text(one)}`);
  return found;
}

describe("the largest piece of an object", () => {
  it("goes through slices, by corners too", async () => {
    const masks = drawn(0, "#..../...../...##", ".#.../...../...#.", "..#../...../.....");
    // Three voxels each: the first in the volume stays.
    expect(await largest(masks)).toEqual([
      "0: #..../...../.....",
      "0: .#.../...../.....",
      "0: ..#../...../.....",
    ]);
  });

  it("is found for each object by itself; an empty one stays empty", async () => {
    const masks = [
      ...drawn(0, "##..#/...../....."),
      ...drawn(1, "...../...../....."),
      ...drawn(2, "...../#..##/....."),
    ];
    expect(await largest(masks)).toEqual([
      "0: ##.../...../.....",
      "1: ...../...../.....",
      "2: ...../...##/.....",
    ]);
  });

  it("is given of what was found before a failure", async () => {
    const found: string[] = [];
    const run = async () => {
      for await (const one of largestPieces(given(drawn(0, "##..#/...../....."), new Error("no memory"))))
        found.push(text(one));
    };
    await expect(run()).rejects.toThrow("no memory");
    expect(found).toEqual(["##.../...../....."]);
  });
});
