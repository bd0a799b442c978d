import { describe, expect, it } from "vitest";
import { maskArea, maskBox } from "../../../src/image/mask.js";
import { synthesize } from "../../../src/train/synthetic.js";

describe("generated pictures", () => {
  it("are the same for the same seed and index, and no others", () => {
    const make = (seed: number, index: number) =>
      [...synthesize(seed, index, { size: 96 }).image.data].join();
    const first = make(1, 5);
    make(1, 6);
    expect(make(1, 5)).toBe(first);
    expect(make(1, 6)).not.toBe(first);
    expect(make(2, 5)).not.toBe(first);
  });

  it.each(["general", "rings"] as const)("of %s have objects, each with its tight box", (domain) => {
    const looks = new Set<string>();
    for (let index = 0; index < 40; index++) {
      const { image, objects, look } = synthesize(3, index, { size: 96, domain });
      looks.add(look);
      expect(image.data.length).toBe(96 * 96 * image.channels);
      expect(objects.length).toBeGreaterThan(0);
      for (const { mask, box } of objects) {
        expect(maskArea(mask)).toBeGreaterThan(0);
        expect(maskBox(mask)).toEqual(box);
      }
    }
    expect(looks.size).toBeGreaterThan(3);
  });
});
