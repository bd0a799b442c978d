import { expect, test } from "vitest";
import {
  labelMap,
  labelsIn,
  maskArea,
  maskBox,
  maskImage,
  maskOfLabel,
  type Mask,
} from "../../../src/image/mask.js";

function mask(...rows: string[]): Mask {
  const data = Uint8Array.from(rows.join(""), (c) => (c === "#" ? 1 : 0));
  return { width: rows[0].length, height: rows.length, data };
}

const a = mask("....", ".##.", ".##.");
const b = mask("....", "..##", "....");

test("box, area and picture", () => {
  expect(maskBox(a)).toEqual([1, 1, 2, 2]);
  expect(maskBox(b)).toEqual([2, 1, 3, 1]);
  expect(maskBox(mask("...", "..."))).toBeUndefined();
  expect(maskArea(a)).toBe(4);
  expect(maskImage(b)).toEqual({
    ...{ width: 4, height: 3, channels: 1 },
    data: Uint8Array.of(0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0),
  });
});

test("the later of two overlapping masks counts", () => {
  const map = labelMap([a, b]);
  expect(map.data).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 1, 2, 2, 0, 1, 1, 0));
  expect(labelsIn(map)).toEqual([1, 2]);
  expect(maskOfLabel(map, 2)).toEqual(b);
});

test("more than 255 masks take 16 bits", () => {
  const many = labelMap(Array.from({ length: 300 }, (_, i) => (i === 299 ? b : a)));
  expect(many.data).toBeInstanceOf(Uint16Array);
  expect(labelsIn(many)).toEqual([299, 300]);
});

test("masks of unlike sizes, and none, are refused", () => {
  expect(() => labelMap([a, mask("#")])).toThrow("mask 1 is 1 x 1; expected 4 x 3, the size of the first");
  expect(() => labelMap([])).toThrow("label map of 0 masks");
  expect([...labelMap([a, b], [7, 300]).data].filter((v, i, all) => all.indexOf(v) === i).sort((x, y) => x - y)).toEqual([0, 7, 300]); // prettier-ignore
  expect(() => labelMap([a, b], [7, 70000])).toThrow("mask 1 has the value 70000; expected 1 to 65535");
  expect(() => labelMap([a, b], [7])).toThrow("mask 1 has the value undefined");
});
