import { describe, expect, it } from "vitest";
import { Random } from "../../../src/train/random.js";
import { drawLook } from "../../../src/train/synthetic/looks.js";
import { flat, Scene, type Fill } from "../../../src/train/synthetic/scene.js";
import { rasterise, roundOutline } from "../../../src/train/synthetic/shape.js";

const SIZE = 128;
const MIDDLE = SIZE / 2;

/** A grey picture that grows brighter from 0.3 to 0.5 from left to right, with a disc of 0.7 of 80 pixels in its middle. */
function painted(fill: Partial<Fill>): (x: number, y: number) => number {
  const scene = new Scene(new Random(1), SIZE, 1);
  const [plane] = scene.planes;
  for (let i = 0; i < plane.length; i++) plane[i] = 0.3 + (0.2 * (i % SIZE)) / (SIZE - 1);
  const outline = { ...roundOutline(new Random(1), 1), radii: new Float32Array(512).fill(1) };
  const disc = rasterise(outline, { x: MIDDLE, y: MIDDLE, length: 80, angle: 0 }, SIZE, scene.warp);
  scene.paint(disc, { ...flat(scene, scene.tone(0.7)), ...fill });
  return (x, y) => plane[y * SIZE + x];
}

describe("a shape", () => {
  it("covers what is below", () => {
    const at = painted({});
    for (const x of [30, 64, 97]) expect(at(x, 64)).toBeCloseTo(0.7, 6);
    expect(at(10, 64)).toBeCloseTo(0.3 + (0.2 * 10) / 127, 6);
  });

  it("lets what is uneven below show through, by a share, and about the tone", () => {
    const below = painted({ opacity: 0 });
    const at = painted({ relief: { share: 0.5, mean: [0.4] } });
    for (const x of [30, 64, 97]) expect(at(x, 64)).toBeCloseTo(0.7 + 0.5 * (below(x, 64) - 0.4), 6);
    const strong = painted({ relief: { share: 1, mean: [0] } });
    expect(strong(64, 64), "by 0.2 at most").toBeCloseTo(0.9, 6);
  });

  it("is darker towards its outline, all round", () => {
    const at = painted({ limb: 0.2 });
    expect(at(64, 64)).toBeCloseTo(0.7, 6);
    const rims = [at(27, 64), at(101, 64), at(64, 27), at(64, 101)];
    for (const rim of rims) {
      expect(rim).toBeGreaterThan(0.5);
      expect(rim).toBeLessThan(0.6);
    }
  });

  it("is lost in what is below on one side", () => {
    const below = painted({ opacity: 0 });
    const at = painted({ fading: { share: 1, x: 1, y: 0 } });
    expect(Math.abs(at(97, 64) - below(97, 64)), "of 0.25").toBeLessThan(0.05);
    expect(at(84, 64)).toBeGreaterThan(below(84, 64) + 0.03);
    expect(at(84, 64)).toBeLessThan(0.67);
    for (const x of [30, 62]) expect(at(x, 64)).toBeCloseTo(0.7, 6);
    const half = painted({ fading: { share: 0.5, x: 0, y: -1 } });
    expect(half(64, 28)).toBeCloseTo((0.7 + below(64, 28)) / 2, 1);
  });
});

it("objects of all looks are often stains, balls, and lost on one side, as well as plain", () => {
  const styles = Array.from({ length: 2000 }, (_, n) => {
    const random = new Random(n);
    return drawLook(random).objects(false, random).style(random);
  });
  const share = (has: (style: (typeof styles)[number]) => boolean) => styles.filter(has).length / 2000;
  for (const part of [
    share(({ relief }) => relief > 0),
    share(({ limb }) => limb > 0),
    share(({ fading }) => fading !== undefined),
  ]) {
    expect(part).toBeGreaterThan(0.2);
    expect(part).toBeLessThan(0.5);
  }
  const easy = Array.from({ length: 200 }, (_, n) => {
    const random = new Random(n);
    return drawLook(random).objects(true, random).style(random);
  });
  expect(easy.filter(({ fading }) => fading !== undefined)).toHaveLength(0);
});
