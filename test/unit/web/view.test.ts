import { expect, test } from "vitest";
import { boxBetween, clampPoint, oppositeCorner } from "../../../web/view/boxes.js";
import { fit, recentred, rulerLength, toCanvas, toImage, zoomAt } from "../../../web/view/transform.js";
import { firstWindow } from "../../../web/view/window.js";
import type { ImageInfo } from "../../../web/workers/imageWorker.js";

test("the whole image is in the middle, and places go there and back", () => {
  const view = fit({ width: 200, height: 100 }, { width: 424, height: 424 });
  expect(view).toEqual({ scale: 2, x: 12, y: 112 });
  expect(toImage(view, toCanvas(view, [17, 99]))).toEqual([17, 99]);
});

test("zooming keeps the place below the pointer, within limits", () => {
  const view = { scale: 2, x: 10, y: 20 };
  const zoomed = zoomAt(view, [50, 60], 3, 0.1);
  expect(zoomed.scale).toBe(6);
  expect(toImage(zoomed, [50, 60])).toEqual(toImage(view, [50, 60]));
  expect(zoomAt(view, [0, 0], 1e-9, 0.5).scale).toBe(0.5);
  expect(zoomAt(view, [0, 0], 1e9, 0.5).scale).toBe(64);
});

test.each([
  [0.5, 160, 50],
  [1, 160, 100],
  [0.07, 160, 10],
  [3, 160, 200],
])("a ruler of %f mm a pixel within %i pixels shows %i mm", (perPixel, room, expected) => {
  expect(rulerLength(perPixel, room)).toBe(expected);
});

test("a box is upright, on whole pixels and inside", () => {
  const size = { width: 100, height: 50 };
  expect(boxBetween([30.4, 60], [-4, 9.6], size)).toEqual([0, 10, 30, 50]);
  expect(boxBetween([5, 5], [5.3, 20], size)).toBeUndefined();
  expect(clampPoint([-1, 77], size)).toEqual([0, 50]);
});

test("a corner is taken hold of within reach, and the opposite one stays", () => {
  expect(oppositeCorner([10, 20, 30, 40], [31, 19], 2)).toEqual([10, 40]);
  expect(oppositeCorner([10, 20, 30, 40], [20, 20], 2)).toBeUndefined();
});

test("a canvas that gets another size keeps the same part of the image in its middle", () => {
  const view = { scale: 3, x: -40, y: 25 };
  const after = recentred(view, { width: 600, height: 400 }, { width: 500, height: 460 });
  expect(toImage(after, [250, 230])).toEqual(toImage(view, [300, 200]));
  expect(after.scale).toBe(3);
});

test.each([
  ["bytes as they are", { eightBit: true, range: [38, 129] }, { centre: 127.5, width: 255 }],
  ["other values all", { eightBit: false, range: [6.5, 96.5] }, { centre: 51.5, width: 90 }],
  ["CT as soft tissue", { modality: "CT", range: [-1024, 3000] }, { centre: 40, width: 400 }],
  [
    "as the file says",
    { modality: "CT", windows: [{ centre: -600, width: 1500 }] },
    { centre: -600, width: 1500 },
  ],
] as const)("at first, %s", (_, facts, expected) => {
  const image = { eightBit: false, windows: [], range: [0, 1], ...facts } as unknown as ImageInfo;
  expect(firstWindow(image)).toEqual(expected);
});
