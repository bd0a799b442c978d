import { describe, expect, it } from "vitest";
import {
  channelOf,
  featureMap,
  liveliestChannels,
  principalComponents,
  similarityTo,
} from "../../../src/inspect/features.js";
import { componentColours, heatColour, heatMap, heatOver, tiles } from "../../../src/inspect/heatmap.js";

describe("features", () => {
  const values = Float32Array.from({ length: 2 * 2 * 3 }, (_, n) => n);

  it("are read from maps of both orders", () => {
    const map = featureMap({ shape: [1, 3, 2, 2], values })!;
    expect(map).toMatchObject({ height: 2, width: 2, channels: 3 });
    expect([...map.values.slice(0, 3)]).toEqual([0, 4, 8]);
    expect(featureMap({ shape: [1, 2, 2, 3], values })).toMatchObject({ channels: 3, values });
    expect(featureMap({ shape: [2, 2, 3], values })).toBeUndefined();
    expect(featureMap({ shape: [2, 2, 2, 3], values: new Float32Array(24) })).toBeUndefined();
  });

  it("are like by the cosine of their angle", () => {
    const map = { height: 1, width: 3, channels: 2, values: Float32Array.of(1, 0, 0, 2, -3, 0) };
    expect([...similarityTo(map, 0)]).toEqual([1, 0, -1]);
    expect([...channelOf(map, 1)]).toEqual([0, 2, 0]);
    expect(liveliestChannels(map, 2)).toEqual([0, 1]);
  });

  it("have principal components: the axes of an ellipse", () => {
    const places = 400;
    const map = { height: 20, width: 20, channels: 3, values: new Float32Array(3 * places) };
    for (let n = 0; n < places; n++) {
      const [a, b] = [10 * Math.cos(n), 2 * Math.sin(n)];
      map.values.set([5 + (a - b) / Math.SQRT2, (a + b) / Math.SQRT2, 1], 3 * n);
    }
    const components = principalComponents(map, 2);
    const deviation = (c: number) =>
      Math.sqrt(components.filter((_, n) => n % 2 === c).reduce((s, v) => s + v * v, 0) / places);
    expect(deviation(0)).toBeCloseTo(10 / Math.SQRT2, 1);
    expect(deviation(1)).toBeCloseTo(2 / Math.SQRT2, 1);
  });
});

describe("pictures", () => {
  const white = { width: 4, height: 2, channels: 1 as const, data: new Uint8Array(8).fill(255) };

  it("lay a map over the part of the grid that the image covers", () => {
    const map = { height: 2, width: 2, values: Float32Array.of(0, 1, 1, 1) };
    // The image is all of the first row of cells.
    const { data, width } = heatOver(white, map, { height: 1, width: 2 }, [0, 1]);
    expect(width).toBe(4);
    expect(data[0]).toBeLessThan(data[9]);
    const [bright] = heatColour(1);
    expect(data[9]).toBe(Math.round(255 + 0.9 * (bright - 255)));
  });

  it("show a constant map without dividing by nothing", () => {
    expect([...heatMap({ height: 1, width: 1, values: Float32Array.of(3) }, 1).data]).toEqual([
      ...heatColour(0),
    ]);
    expect([...componentColours({ height: 1, width: 1 }, Float32Array.of(1, 2, 3), 1).data]).toEqual([
      128, 128, 128,
    ]);
  });

  it("stand side by side", () => {
    const sheet = tiles([white, white, white], 2);
    expect([sheet.width, sheet.height, sheet.channels]).toEqual([4 + 4 + 4, 2 + 4 + 2, 3]);
  });
});
