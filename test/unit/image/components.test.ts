import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { connectedComponents } from "../../../src/image/components.js";

function mask(...rows: string[]) {
  const data = Uint8Array.from(rows.join(""), (character) => (character === "#" ? 1 : 0));
  return { width: rows[0].length, height: rows.length, data };
}

describe("the pieces of a mask", () => {
  it("hang together at corners too, and are numbered row by row", () => {
    const { labels, sizes } = connectedComponents(mask("#..##", ".#...", "....#", "#...#"));
    expect(sizes).toEqual([2, 2, 2, 1]);
    expect([...labels]).toEqual([1, 0, 0, 2, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 4, 0, 0, 0, 3]);
  });

  it("do not hang together around the edges", () => {
    expect(connectedComponents(mask("#..#", "...#", "#...")).sizes).toEqual([1, 2, 1]);
    expect(connectedComponents(mask("..", "..")).sizes).toEqual([]);
  });

  it("cover the mask, whatever it is", () => {
    const rows = fc.integer({ min: 1, max: 9 }).chain((width) =>
      fc.record({
        width: fc.constant(width),
        bits: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: width, maxLength: 9 * width }),
      }),
    );
    fc.assert(
      fc.property(rows, ({ width, bits }) => {
        const height = Math.floor(bits.length / width);
        const data = Uint8Array.from(bits.slice(0, width * height));
        const { labels, sizes } = connectedComponents({ width, height, data });
        for (const [i, label] of labels.entries()) expect(label > 0).toBe(data[i] === 1);
        for (const [n, size] of sizes.entries())
          expect(labels.filter((label) => label === n + 1)).toHaveLength(size);
        // Neighbours share their piece.
        for (let i = 0; i + 1 < labels.length; i++)
          if ((i + 1) % width !== 0 && labels[i] > 0 && labels[i + 1] > 0)
            expect(labels[i]).toBe(labels[i + 1]);
      }),
    );
  });
});
