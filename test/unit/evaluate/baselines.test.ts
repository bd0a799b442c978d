import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { filledBox, inscribedEllipse, otsuInBox } from "../../../src/evaluate/baselines.js";
import { dice } from "../../../src/evaluate/overlap.js";
import { flatMask } from "../../../src/evaluate/voxelMask.js";
import { maskArea, maskBox, maskOfLabel } from "../../../src/image/mask.js";
import { npzLabels, npzSlice, readNpz } from "../../../src/image/npz.js";
import type { PixelImage } from "../../../src/image/pixels.js";
import { dataFolder } from "../image/fixtures.js";

const size = { width: 12, height: 9 };
const rows = (data: Uint8Array, width: number) =>
  Array.from({ length: data.length / width }, (_, y) => data.slice(y * width, (y + 1) * width).join(""));

describe("baselines of a box", () => {
  test("filled: corners belong to it", () => {
    const mask = filledBox(size, [2, 1, 5, 3]);
    expect([maskArea(mask), maskBox(mask)]).toEqual([12, [2, 1, 5, 3]]);
  });

  test("ellipse: touches the sides, not the corners", () => {
    const mask = inscribedEllipse({ width: 8, height: 6 }, [1, 1, 6, 4]);
    expect(rows(mask.data, 8)).toEqual(
      ["00000000", "00111100", "01111110", "01111110", "00111100", "00000000"], // prettier-ignore
    );
    expect(maskArea(inscribedEllipse(size, [3, 3, 3, 3]))).toBe(1);
    // A wide one covers pi / 4 of its box.
    const large = { width: 400, height: 300 };
    expect(maskArea(inscribedEllipse(large, [50, 20, 349, 219])) / (300 * 200)).toBeCloseTo(Math.PI / 4, 3);
  });

  test.each([
    { what: "bright on dark", object: 200, around: 50 },
    { what: "dark on bright", object: 50, around: 200 },
  ])("Otsu: $what", ({ object, around }) => {
    const data = new Uint8Array(12 * 9).fill(around);
    for (let y = 2; y < 7; y++) for (let x = 3; x < 9; x++) data[y * 12 + x] = object + ((x + y) % 3);
    data[0] = object; // outside of the box
    const mask = otsuInBox({ ...size, channels: 1, data }, [1, 1, 10, 8]);
    expect([maskArea(mask), maskBox(mask)]).toEqual([30, [3, 2, 8, 6]]);
  });

  test("Otsu of colours and of real values", () => {
    const grey = Float32Array.from({ length: 108 }, (_, i) => (i % 12 > 3 && i % 12 < 8 ? 0.7 : -0.4));
    const real: PixelImage = { ...size, channels: 1, data: grey };
    const colour: PixelImage = { ...size, channels: 3, data: new Uint8Array(3 * 108) };
    for (let i = 0; i < 108; i++) colour.data.set(grey[i] > 0 ? [10, 200, 90] : [90, 10, 10], 3 * i);
    for (const image of [real, colour]) {
      const mask = otsuInBox(image, [0, 0, 11, 8]);
      expect([maskArea(mask), maskBox(mask)]).toEqual([36, [4, 0, 7, 8]]);
    }
    // Without contrast all of the box is one side.
    expect(maskArea(otsuInBox({ ...size, channels: 1, data: new Uint8Array(108) }, [0, 0, 4, 4]))).toBe(25);
  });

  test.each([[[-1, 0, 3, 3]], [[0, 0, 12, 3]], [[4, 0, 3, 3]], [[0, 0.5, 3, 3]]] as const)(
    "box %j is refused",
    (box) => {
      expect(() => filledBox(size, box)).toThrow("does not lie in the image of 12 x 9");
    },
  );
});

describe.skipIf(dataFolder === undefined)("on CT lesions of ../shared/data", () => {
  test.each([
    ["CT_Lesion_000001_02_01_008-023", 8, [265, 231, 326, 283], 2447],
    ["CT_Lesion_000015_01_01_081-093", 7, [249, 284, 272, 317], 650],
    ["CT_Lesion_000015_01_01_103-115", 6, [235, 286, 284, 333], 1825],
  ] as const)("%s: the ellipse of the tight box fits well", (name, slice, box, area) => {
    const npz = readNpz(new Uint8Array(readFileSync(`${dataFolder}ct-lesion/${name}.npz`)), name);
    const truth = flatMask(maskOfLabel(npzLabels(npz, slice), 1));
    const image = npzSlice(npz, slice);
    const filled = dice(truth, flatMask(filledBox(image, box)));
    expect(filled).toBeCloseTo((2 * area) / (area + (box[2] - box[0] + 1) * (box[3] - box[1] + 1)), 12);
    const ellipse = dice(truth, flatMask(inscribedEllipse(image, box)));
    expect(ellipse).toBeGreaterThan(0.9);
    expect(ellipse).toBeGreaterThan(filled);
    expect(dice(truth, flatMask(otsuInBox(image, box)))).toBeGreaterThan(0.5);
  });
});
