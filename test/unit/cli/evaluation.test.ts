import { describe, expect, test } from "vitest";
import { compare, type Row } from "../../../src/cli/evaluation.js";
import type { Scores } from "../../../src/evaluate/scores.js";

const row = (id: string, label: number, dice: number): Row => ({ case: id, label, scores: { dice, nsd: dice } as Scores }); // prettier-ignore

describe("a run against another", () => {
  test("a case counts once, with the mean of the objects that both have", () => {
    const before = ["a", "b", "c"].flatMap((id) => [1, 2, 3].map((label) => row(id, label, 0.5)));
    const after = [
      ...[row("a", 1, 0.6), row("a", 2, 0.7), row("a", 3, 0.8)],
      ...[row("b", 1, 0.4), row("b", 2, 0.9), row("b", 9, 0)],
      ...[row("c", 3, 0.6), row("d", 1, 0)],
    ];
    const { pairs, dice } = compare(after, { name: "before", rows: before });
    expect(pairs).toBe(3);
    expect(dice.pairs).toBe(3);
    expect(dice.mean).toBeCloseTo((0.2 + 0.15 + 0.1) / 3, 12);
    expect(dice.p).toBeCloseTo(0.25, 12); // three cases of one sign, not six rows of two
  });

  test("nothing in common is refused", () => {
    expect(() => compare([row("a", 1, 1)], { name: "x.json", rows: [row("a", 2, 1)] })).toThrow(
      "x.json: has no case and label in common",
    );
  });
});
