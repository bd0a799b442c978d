import { expect, test } from "vitest";
import { resizeOpenCvArea } from "../../../src/image/resizeArea.js";
import { resizeCubicAntialiased } from "../../../src/image/resizeCubic.js";
import { resizeNearest } from "../../../src/image/resizeNearest.js";
import { resizeOpenCvCubic } from "../../../src/image/resizeOpenCv.js";
import { resizePillowBicubic, resizePillowBilinear } from "../../../src/image/resizePillow.js";
import { fixture, unpack } from "./fixtures.js";

interface Case {
  from: [number, number];
  to: [number, number];
  channels: 1 | 3;
  input: string;
  skimageReflect: string;
  skimageConstant: string;
  pillowBilinear: string;
  pillowBicubic: string;
  openCvCubic: string;
  labels: string;
  skimageNearest: string;
}

interface AreaCase {
  from: [number, number];
  to: [number, number];
  input: string;
  openCvArea: string;
}

const { areas } = fixture<{ areas: AreaCase[] }>("resize.json");

const cases = fixture<{ cases: Case[] }>("resize.json").cases.map((one) => {
  const [height, width] = one.from;
  const [outHeight, outWidth] = one.to;
  const image = { width, height, channels: one.channels, data: unpack(one.input) };
  return {
    ...one,
    image,
    outHeight,
    outWidth,
    title: `${height}x${width}x${one.channels} to ${one.to.join("x")}`,
  };
});

function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let largest = 0;
  for (let i = 0; i < actual.length; i++) largest = Math.max(largest, Math.abs(actual[i] - expected[i]));
  expect(largest).not.toBeNaN();
  return largest;
}

test.each(cases)(
  "cubic, mirrored: $title is scikit-image's",
  ({ image, outWidth, outHeight, skimageReflect }) => {
    const expected = new Float64Array(unpack(skimageReflect).buffer);
    const actual = resizeCubicAntialiased(image, outWidth, outHeight);
    expect(largestDifference(actual, expected)).toBeLessThan(1e-12);
  },
);

test.each(cases)(
  "cubic, zeros outside: $title is scikit-image's",
  ({ image, outWidth, outHeight, skimageConstant }) => {
    const expected = new Float64Array(unpack(skimageConstant).buffer);
    const actual = resizeCubicAntialiased(image, outWidth, outHeight, "constant");
    expect(largestDifference(actual, expected)).toBeLessThan(1e-12);
  },
);

// Cut off to bytes, a value that is short of its integer by a last bit is one less.
test.each(["reflect", "constant"] as const)(
  "cubic, %s: an image of the size asked for stays as it is",
  (boundary) => {
    for (const { image } of cases) {
      const same = resizeCubicAntialiased(image, image.width, image.height, boundary);
      expect(Uint8Array.from(same)).toEqual(image.data);
    }
  },
);

test.each(cases)(
  "bicubic: $title is Pillow's to the bit",
  ({ image, outWidth, outHeight, pillowBicubic }) => {
    expect(resizePillowBicubic(image, outWidth, outHeight)).toEqual(unpack(pillowBicubic));
  },
);

test.each(cases)(
  "bilinear: $title is Pillow's to the bit",
  ({ image, outWidth, outHeight, pillowBilinear }) => {
    expect(resizePillowBilinear(image, outWidth, outHeight)).toEqual(unpack(pillowBilinear));
  },
);

test.each(cases)(
  "cubic without smoothing: $title is OpenCV's",
  ({ image, outWidth, outHeight, openCvCubic }) => {
    const actual = resizeOpenCvCubic(image, outWidth, outHeight);
    expect(largestDifference(actual, unpack(openCvCubic))).toBeLessThanOrEqual(1);
  },
);

test.each(areas)("area: $from to $to is OpenCV's", ({ from, to, input, openCvArea }) => {
  const image = { height: from[0], width: from[1], channels: 3, data: unpack(input) };
  const [actual, expected] = [resizeOpenCvArea(image, to[1], to[0]), unpack(openCvArea)];
  // To the bit where an image shrinks, which is what it is for.
  const shrinks = to[0] <= from[0] && to[1] <= from[1];
  expect(largestDifference(actual, expected)).toBeLessThanOrEqual(shrinks ? 0 : 1);
});

test.each(cases)(
  "nearest: $title is scikit-image's",
  ({ image, outWidth, outHeight, labels, skimageNearest }) => {
    const { width, height } = image;
    const actual = resizeNearest({ width, height, data: unpack(labels) }, outWidth, outHeight);
    expect(actual).toEqual({ width: outWidth, height: outHeight, data: unpack(skimageNearest) });
  },
);

test("nearest keeps 16-bit labels", () => {
  const resized = resizeNearest({ width: 2, height: 1, data: Uint16Array.of(300, 65535) }, 4, 1);
  expect(resized.data).toEqual(Uint16Array.of(300, 300, 65535, 65535));
});
