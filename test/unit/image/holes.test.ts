import { describe, expect, it } from "vitest";
import { fillHoles, removeSprinkles } from "../../../src/image/holes.js";

/** Logits drawn as text: # is in the object. */
function logits(...rows: string[]) {
  const data = Float32Array.from(rows.join(""), (sign) => (sign === "#" ? 2 : -3));
  return { data, size: { width: rows[0].length, height: rows.length } };
}
const drawn = (data: Float32Array, width: number) =>
  Array.from({ length: data.length / width }, (_, row) =>
    [...data.subarray(row * width, (row + 1) * width)].map((logit) => (logit > 0 ? "#" : ".")).join(""),
  );

describe("small pieces of a map of logits", () => {
  const { data, size } = logits("######.", "#.##.#.", "##.#.#.", "######.", "......#");

  it("are filled where they are holes; pixels that touch at a corner are one", () => {
    const filled = fillHoles(data, size, 2, 0.1);
    expect(drawn(filled, 7)).toEqual(["######.", "######.", "######.", "######.", "......#"]);
    expect(filled[8]).toBeCloseTo(0.1, 6);
    expect(filled[0]).toBe(2);
    expect(fillHoles(data, size, 1, 0.1)).toBe(data);
    expect(fillHoles(data, size, 0, 0.1)).toBe(data);
  });

  it("are taken away where they are specks", () => {
    const { data: specks, size: whole } = logits("#....", "...##", "...##");
    expect(drawn(removeSprinkles(specks, whole, 3, -10), 5)).toEqual([".....", "...##", "...##"]);
    expect(removeSprinkles(specks, whole, 3, -10)[0]).toBe(-10);
  });

  it("leave the map that they are in as it was", () => {
    const before = [...data];
    fillHoles(data, size, 100, 0.1);
    expect([...data]).toEqual(before);
  });
});
