import { readFileSync } from "node:fs";
import fc from "fast-check";
import { zipSync } from "fflate";
import { dump } from "npyjs";
import { describe, expect, test } from "vitest";
import { maskArea, maskBox, maskOfLabel } from "../../../src/image/mask.js";
import { readNpy } from "../../../src/image/npy.js";
import { npzLabels, npzSlice, readNpz } from "../../../src/image/npz.js";
import { ImageError } from "../../../src/image/pixels.js";
import { fileWorks } from "../../fileWorks.js";
import { dataFolder } from "./fixtures.js";

type Values = Parameters<typeof dump>[0];
const npy = (data: Values, shape: number[]) => new Uint8Array(dump(data, shape));
const count = (...shape: number[]) =>
  Uint8Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i);

function npz(members: Record<string, Uint8Array>): Uint8Array {
  return zipSync(Object.fromEntries(Object.entries(members).map(([key, data]) => [`${key}.npy`, data])));
}

const volume = {
  imgs: npy(count(3, 2, 4), [3, 2, 4]),
  gts: npy(Uint8Array.of(...new Array<number>(16).fill(0), 0, 1, 1, 0, 2, 0, 0, 0), [3, 2, 4]),
  spacing: npy(Float64Array.of(0.5, 0.75, 5), [3]),
  boxes: npy(BigInt64Array.of(1n, 0n, 3n, 2n, 0n, 0n, 1n, 1n), [2, 4]),
};

fileWorks(
  {
    format: "PNG, JPEG and npz",
    from: "MedSAM, MedSAM2 and their challenges",
    habit: "`.npz` with imgs, gts, spacing and boxes",
    result: "slices with their spacing, labels and boxes",
  },
  () => {
    const read = readNpz(npz(volume), "v.npz");
    expect(read).toMatchObject({ width: 4, height: 2, depth: 3, channels: 1, spacing: [0.5, 0.75, 5] });
    expect(read.boxes).toEqual([
      [1, 0, 3, 2],
      [0, 0, 1, 1],
    ]);
    expect(npzSlice(read, 1)).toEqual({
      width: 4,
      height: 2,
      channels: 1,
      data: count(3, 2, 4).slice(8, 16),
    });
    expect(npzLabels(read, 2).data).toEqual(Uint8Array.of(0, 1, 1, 0, 2, 0, 0, 0));
  },
);

test.each([
  { imgs: [2, 5], gts: undefined, expected: { depth: 1, height: 2, width: 5, channels: 1 } },
  { imgs: [2, 5, 3], gts: undefined, expected: { depth: 1, height: 2, width: 5, channels: 3 } },
  { imgs: [2, 5, 3], gts: [2, 5], expected: { depth: 1, height: 2, width: 5, channels: 3 } },
  { imgs: [2, 5, 3], gts: [2, 5, 3], expected: { depth: 2, height: 5, width: 3, channels: 1 } },
  { imgs: [2, 5, 4], gts: undefined, expected: { depth: 2, height: 5, width: 4, channels: 1 } },
  { imgs: [2, 5, 4, 3], gts: [2, 5, 4], expected: { depth: 2, height: 5, width: 4, channels: 3 } },
])("imgs $imgs with gts $gts", ({ imgs, gts, expected }) => {
  const members = { imgs: npy(count(...imgs), imgs), ...(gts && { gts: npy(count(...gts), gts) }) };
  expect(readNpz(npz(members), "a")).toMatchObject(expected);
});

test("signed and real slices become single precision, 16-bit ones stay", () => {
  const slice = (data: Values) => npzSlice(readNpz(npz({ imgs: npy(data, [1, 1, 2]) }), "a"), 0).data;
  expect(slice(Int16Array.of(-1024, 5))).toEqual(Float32Array.of(-1024, 5));
  expect(slice(Uint16Array.of(40000, 5))).toEqual(Uint16Array.of(40000, 5));
  expect(() => slice(Float32Array.of(1, NaN))).toThrow("slice 0 has values that are not finite");
});

test.each([
  ["no imgs", { gts: volume.gts }, /has no imgs/],
  ["a wrong shape", { imgs: npy(count(2, 2), [2, 2, 1, 1, 1]) }, /imgs is \[2, 2, 1, 1, 1\]; expected/],
  [
    "other labels",
    { ...volume, gts: npy(count(3, 4, 2), [3, 4, 2]) },
    /gts is \[3, 4, 2\]; expected \[3, 2, 4\]/,
  ],
  [
    "negative spacing",
    { ...volume, spacing: npy(Float64Array.of(1, -1, 1), [3]) },
    /spacing is \[1, -1, 1\]/,
  ],
  ["odd boxes", { ...volume, boxes: npy(count(3), [3]) }, /boxes is \[3\]; expected/],
  ["huge labels", { ...volume, gts: npy(BigInt64Array.of(2n ** 60n), [1]) }, /gts: value .* too large/],
])("%s are refused", (_, members, message) => {
  expect(() => readNpz(npz(members as Record<string, Uint8Array>), "v.npz")).toThrow(message);
});

test("slices that are not there, and labels that are none", () => {
  const read = readNpz(npz(volume), "v.npz");
  expect(() => npzSlice(read, 3)).toThrow("v.npz: has no slice 3; expected 0..2");
  expect(() => npzSlice(read, 0.5)).toThrow(ImageError);
  expect(() => npzLabels(readNpz(npz({ imgs: volume.imgs }), "v.npz"), 0)).toThrow("v.npz: has no gts");
  const signed = npz({
    ...volume,
    gts: npy(
      Int16Array.from(count(3, 2, 4), (v) => -v),
      [3, 2, 4],
    ),
  });
  expect(() => npzLabels(readNpz(signed, "v.npz"), 0)).toThrow("gts has the label -1");
});

test("an .npy in Fortran order, or with too few values, is refused", () => {
  const text = (bytes: Uint8Array) => String.fromCharCode(...bytes);
  const bytes = npy(count(2, 3), [2, 3]);
  const fortran = Uint8Array.from(text(bytes).replace("False", "True "), (c) => c.charCodeAt(0));
  expect(() => readNpy(fortran, "a.npy")).toThrow("a.npy: is in Fortran order");
  expect(() => readNpy(bytes.slice(0, -1), "a.npy")).toThrow(
    "a.npy: damaged .npy: has 5 values; shape [2, 3] needs 6",
  );
});

test("every changed bit of an archive is noticed, or changes nothing", () => {
  const bytes = npz({ imgs: volume.imgs });
  const original = readNpz(bytes, "a.npz");
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = bytes.slice();
      damaged[at] ^= change;
      try {
        expect(readNpz(damaged, "a.npz")).toEqual(original);
      } catch (error) {
        expect(error).toBeInstanceOf(ImageError);
        expect((error as Error).message).toMatch(/^a\.npz/);
      }
    }),
    { numRuns: 2000, seed: 3 },
  );
  for (let length = 0; length < bytes.length; length++)
    expect(() => readNpz(bytes.slice(0, length), "a.npz")).toThrow(ImageError);
});

test("a member that claims to be huge is refused", () => {
  const bytes = npz({ imgs: volume.imgs });
  const view = new DataView(bytes.buffer);
  const directory = view.getUint32(bytes.length - 6, true);
  view.setUint32(directory + 24, 0x7fff0000, true);
  expect(() => readNpz(bytes, "a.npz")).toThrow("a.npz: imgs.npy claims 2147418112 bytes");
});

describe.skipIf(dataFolder === undefined)("CT lesions of ../shared/data", () => {
  test.each([
    ["CT_Lesion_000001_02_01_008-023", 16, 8, 2447, [265, 231, 326, 283]],
    ["CT_Lesion_000015_01_01_081-093", 13, 7, 650, [249, 284, 272, 317]],
    ["CT_Lesion_000015_01_01_103-115", 13, 6, 1825, [235, 286, 284, 333]],
  ])("%s", (name, depth, slice, area, box) => {
    const read = readNpz(new Uint8Array(readFileSync(`${dataFolder}ct-lesion/${name}.npz`)), name);
    expect(read).toMatchObject({ width: 512, height: 512, depth, channels: 1 });
    expect(read.spacing?.[2]).toBe(5);
    const mask = maskOfLabel(npzLabels(read, slice), 1);
    expect(maskArea(mask)).toBe(area);
    expect(maskBox(mask)).toEqual(box);
  });
});
