import { expect, test } from "vitest";
import {
  ctWindow,
  FULL_RANGE,
  AS_IS,
  intensityPreset,
  percentile,
  PERCENTILES,
  scaleIntensity,
} from "../../../src/image/intensity.js";
import { fixture, unpack } from "./fixtures.js";

const golden = fixture<Record<string, string> & { quantiles: number[]; percentiles: number[] }>(
  "intensity.json",
);
const ct = new Int16Array(unpack(golden.ct).buffer);
const lung = new Int16Array(unpack(golden.lung).buffer);
const mr = new Uint16Array(unpack(golden.mr).buffer);

test("a CT window is NumPy's", () => {
  expect(intensityPreset("ct-soft-tissue").scale(ct)).toEqual(unpack(golden.softTissue));
});

test("values that do not fill their window are stretched", () => {
  expect(intensityPreset("ct-lung").scale(lung)).toEqual(unpack(golden.lungScaled));
});

test("values that were moved when stored are windowed alike", () => {
  const stored = Uint16Array.from(ct, (value) => value + 32768);
  expect(ctWindow("moved", 40, 400, 32768).scale(stored)).toEqual(unpack(golden.softTissue));
});

test("percentiles of the foreground are NumPy's, and zeros stay", () => {
  const scaled = PERCENTILES.scale(mr);
  expect(scaled).toEqual(unpack(golden.mrScaled));
  expect(mr.includes(0)).toBe(true);
  expect(mr.every((value, i) => value !== 0 || scaled[i] === 0)).toBe(true);
});

test("the range of a 16-bit image is stretched", () => {
  expect(FULL_RANGE.scale(mr)).toEqual(unpack(golden.mrStretched));
});

test("percentiles are linear between neighbours", () => {
  const sample = new Float64Array(unpack(golden.sample).buffer);
  expect(golden.quantiles.map((q) => percentile(sample, q))).toEqual(golden.percentiles);
  expect(() => percentile(sample, 101)).toThrow(RangeError);
  expect(() => percentile([], 50)).toThrow(RangeError);
});

test("8-bit values are left alone, whatever holds them", () => {
  for (const preset of [AS_IS, FULL_RANGE])
    for (const values of [Uint8Array.of(7, 200), Uint16Array.of(7, 200), Float32Array.of(7, 200)])
      expect(preset.scale(values)).toEqual(Uint8Array.of(7, 200));
});

test("what was not measured is black and counts in no range or percentile", () => {
  for (const preset of [AS_IS, FULL_RANGE])
    expect(preset.scale(Float32Array.of(7, NaN, 200))).toEqual(Uint8Array.of(7, 0, 200));
  const gaps = Float32Array.from({ length: 400 }, (_, i) => (i % 4 === 0 ? 100 + i : NaN));
  for (const preset of [PERCENTILES, FULL_RANGE, ctWindow("w", 300, 150)])
    expect(preset.scale(gaps).filter((_, i) => i % 4 === 0)).toEqual(
      preset.scale(gaps.filter((v) => v === v)),
    );
});

test("values that are not 8-bit are not taken as they are", () => {
  for (const values of [Uint16Array.of(0, 256), Float32Array.of(-1, 5), Float32Array.of(0, 0.5)]) {
    expect(() => AS_IS.scale(values)).toThrow(/are not whole numbers of 0..255; choose an intensity preset/);
    expect(FULL_RANGE.scale(values)).toEqual(Uint8Array.of(0, 255));
  }
});

test("a constant becomes black, and an empty foreground is refused", () => {
  expect(intensityPreset("ct-brain").scale(Int16Array.of(40, 40))).toEqual(Uint8Array.of(0, 0));
  expect(() => PERCENTILES.scale(Int16Array.of(0, -5))).toThrow("has no values above 0");
});

test("an unknown preset is answered with the ones there are", () => {
  expect(() => intensityPreset("bone")).toThrow(
    /"bone" does not exist; choose one of none, range, .*ct-bone/,
  );
  expect(() => ctWindow("x", 40, 0)).toThrow(RangeError);
});

test("an image keeps its shape and gets 8 bits", () => {
  const image = { width: 1, height: 2, channels: 1, data: Uint16Array.of(0, 1000) } as const;
  expect(scaleIntensity(image, FULL_RANGE)).toEqual({ ...image, data: Uint8Array.of(0, 255) });
});
