import { expect, test } from "vitest";
import type { CaseFile, Split } from "../../../../src/train/data/caseFile.js";
import { splitCases } from "../../../../src/train/data/split.js";

function caseOf(id: string, group: string, split?: Split): CaseFile {
  return { id, image: id, labels: id, group, ...(split && { split }) };
}
/** Ten patients of three pictures each. */
const cases = Array.from({ length: 30 }, (_, n) => caseOf(`p${n}`, `patient${n % 10}`));

test("a share of the patients validates, none on both sides, drawn from the seed", () => {
  const { train, validation } = splitCases(cases, { share: 0.2, seed: 1 });
  expect(validation).toHaveLength(6);
  const groups = (side: readonly CaseFile[]) => new Set(side.map(({ group }) => group));
  expect([...groups(validation)].filter((group) => groups(train).has(group))).toEqual([]);
  expect([...train, ...validation].sort((a, b) => cases.indexOf(a) - cases.indexOf(b))).toEqual(cases);
  const backwards = splitCases([...cases].reverse(), { share: 0.2, seed: 1 });
  expect([...backwards.validation].reverse()).toEqual(validation);
  const others = [2, 3, 4, 5].map((seed) =>
    splitCases(cases, { share: 0.2, seed }).validation.map(({ id }) => id),
  );
  expect(new Set(others.map(String)).size).toBeGreaterThan(1);
});

test("the smallest share is one patient, 0 is none", () => {
  expect(splitCases(cases, { share: 0.01, seed: 1 }).validation).toHaveLength(3);
  expect(splitCases(cases, { share: 0, seed: 1 }).validation).toHaveLength(0);
});

test("the data's own split counts, and what is to test stays out", () => {
  const own = [
    caseOf("a", "a", "train"),
    caseOf("b", "b", "validation"),
    caseOf("c", "c"),
    caseOf("d", "d", "test"),
  ];
  const { train, validation } = splitCases(own, { share: 0.5, seed: 1 });
  expect(train.map(({ id }) => id)).toEqual(["a", "c"]);
  expect(validation.map(({ id }) => id)).toEqual(["b"]);
});

test("a side that would be empty and a torn patient are errors", () => {
  expect(() => splitCases([caseOf("a", "a")], { share: 0.1, seed: 1 })).toThrow(
    "give 0 to train on and 1 to validate",
  );
  const torn = [caseOf("a", "p", "train"), caseOf("b", "p", "validation")];
  expect(() => splitCases(torn, { share: 0.1, seed: 1 })).toThrow("b: its case p is on both sides");
});
