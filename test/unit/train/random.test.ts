import { describe, expect, it } from "vitest";
import { Random } from "../../../src/train/random.js";

const draws = (count: number, draw: (random: Random) => number, seed = 1) => {
  const random = new Random(seed);
  return Array.from({ length: count }, () => draw(random));
};
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe("random streams", () => {
  it("repeat, and split into others that depend on the key alone", () => {
    const random = new Random(7);
    const first = random.split("step").split(3).next();
    random.next();
    expect(random.split("step").split(3).next()).toBe(first);
    const keys = Array.from({ length: 2000 }, (_, key) => random.split(key).next());
    expect(new Set(keys).size).toBe(2000);
    expect(mean(keys)).toBeCloseTo(0.5, 1);
    // Neighbouring keys and seeds are not alike.
    const products = keys.slice(1).map((value, index) => (value - 0.5) * (keys[index] - 0.5) * 12);
    expect(Math.abs(mean(products))).toBeLessThan(0.08);
    expect(new Random(8).split("step").split(3).next()).not.toBe(first);
  });

  it("are normal where asked: mean, deviation, share within one and two", () => {
    const values = draws(50_000, (random) => random.normal());
    expect(mean(values)).toBeCloseTo(0, 1);
    expect(Math.sqrt(mean(values.map((value) => value ** 2)))).toBeCloseTo(1, 1);
    const within = (most: number) => values.filter((value) => Math.abs(value) < most).length / values.length;
    expect(within(1)).toBeCloseTo(0.6827, 1.7);
    expect(within(2)).toBeCloseTo(0.9545, 1.7);
    expect(Math.max(...values.map(Math.abs))).toBeLessThan(4);
  });

  it("draw whole numbers with both ends", () => {
    const counts = new Map<number, number>();
    for (const value of draws(21_000, (random) => random.integer(0, 20)))
      counts.set(value, (counts.get(value) ?? 0) + 1);
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 21 }, (_, n) => n));
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(160);
  });

  it("draw in other ways within their bounds", () => {
    for (const value of draws(1000, (random) => random.logUniform(2, 200))) {
      expect(value).toBeGreaterThanOrEqual(2);
      expect(value).toBeLessThan(200);
    }
    expect(mean(draws(4000, (random) => Math.log(random.logUniform(2, 200))))).toBeCloseTo(Math.log(20), 1);
    expect(mean(draws(4000, (random) => Number(random.chance(0.3))))).toBeCloseTo(0.3, 1);
    expect(mean(draws(4000, (random) => random.sign()))).toBeCloseTo(0, 1);
    expect(new Set(draws(100, (random) => random.pick([1, 2, 3])))).toEqual(new Set([1, 2, 3]));
  });
});
