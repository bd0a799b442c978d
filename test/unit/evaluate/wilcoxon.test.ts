import { describe, expect, test } from "vitest";
import { wilcoxonSignedRank } from "../../../src/evaluate/wilcoxon.js";

const counted = (count: number, value: (i: number) => number) =>
  Array.from({ length: count }, (_, i) => value(i + 1));

/** Printed by SciPy 1.17.1: `wilcoxon(d)`, with method `exact` for 50 values and `approx` beyond. */
const GOLDEN = [
  { name: "one", differences: [0.3], statistic: 0, p: 1 },
  { name: "six", differences: [0.01, -0.02, 0.03, 0.05, -0.04, 0.07], statistic: 6, p: 0.4375 },
  {
    name: "twelve",
    differences: [-0.602, -1.124, -0.048, 0.62, 1.336, 0.31, -0.353, -0.585, 0.949, 1.835, 0.473, -1.033],
    ...{ statistic: 34, p: 0.7333984375 },
  },
  {
    ...{ name: "ties and zeros", differences: [1, 1, -1, 2, 2, 3, -3, 4, 5, 0, 0, -2] },
    ...{ statistic: 14.5, p: 0.21484375 },
  },
  {
    ...{ name: "fifty", differences: counted(50, (i) => (i % 3 === 0 ? -i : i) / 100) },
    ...{ statistic: 408, p: 0.02616696817119646 },
  },
  {
    ...{ name: "sixty", differences: counted(60, (i) => (i % 3 === 0 ? -i : i) / 100) },
    ...{ statistic: 630, p: 0.03590012331587811 },
  },
  {
    ...{ name: "many ties", differences: counted(200, (i) => ((i % 5 === 0 ? -1 : 1) * (i % 7)) / 10) },
    ...{ statistic: 3094, p: 2.619714581360757e-11 },
  },
  {
    ...{ name: "far out", differences: counted(300, (i) => (i % 20 === 0 ? -i : i) / 10) },
    ...{ statistic: 2400, p: 4.842776625752575e-41 },
  },
  {
    ...{ name: "nearly even", differences: counted(100, (i) => (i % 2 === 0 ? -i : i) / 10) },
    ...{ statistic: 2500, p: 0.9314997084840357 },
  },
];

describe("Wilcoxon's signed-rank test", () => {
  test.each(GOLDEN)("$name", ({ differences, statistic, p }) => {
    const result = wilcoxonSignedRank(differences);
    expect(Math.min(result.above, result.below)).toBe(statistic);
    expect(result.p / p).toBeCloseTo(1, 8);
    const mirrored = wilcoxonSignedRank(differences.map((value) => -value));
    expect(mirrored).toEqual({ ...result, above: result.below, below: result.above });
  });

  test("nothing differs", () => {
    expect(wilcoxonSignedRank([0, 0])).toEqual({ pairs: 0, above: 0, below: 0, p: 1, exact: true });
  });

  test("the approximation continues the exact distribution", () => {
    const differences = counted(50, (i) => (i % 3 === 0 ? -i : i));
    const exact = wilcoxonSignedRank(differences);
    const normal = wilcoxonSignedRank([...differences, 51]);
    expect([exact.exact, normal.exact]).toEqual([true, false]);
    expect(Math.abs(exact.p - normal.p)).toBeLessThan(0.015);
  });
});
