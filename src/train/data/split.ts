import { Random } from "../random.js";
import { DataError, type CaseFile } from "./caseFile.js";

/** The two sides of a data set. */
export interface SplitCases<T extends CaseFile> {
  readonly train: readonly T[];
  readonly validation: readonly T[];
}

/**
 * Splits a data set by patient, volume or film (`group`), never within one. What the data set itself puts on a side
 * stays there, and what is to test is left out; if it names validation cases, all others train. Else a share of the
 * groups validates, at least one, drawn from the seed.
 *
 * @param share of the groups that validate, in [0, 1); 0 leaves none.
 * @throws DataError when a side would be empty, or a group is on both.
 */
export function splitCases<T extends CaseFile>(
  all: readonly T[],
  { share, seed }: { readonly share: number; readonly seed: number },
): SplitCases<T> {
  const cases = all.filter(({ split }) => split !== "test");
  const named = cases.some(({ split }) => split === "validation");
  const groups = [...new Set(cases.map(({ group }) => group))];
  const drawn = named ? undefined : drawGroups(groups, share, seed);
  const isValidation = ({ group, split }: CaseFile) => drawn?.has(group) ?? split === "validation";
  const sides = {
    train: cases.filter((found) => !isValidation(found)),
    validation: cases.filter(isValidation),
  };
  if (sides.train.length === 0 || (share > 0 && sides.validation.length === 0))
    throw new DataError(
      `${cases.length} cases of ${groups.length} patients, volumes or films give ${sides.train.length} to train on ` +
        `and ${sides.validation.length} to validate with; add data${named ? "" : ", or train without validation"}`,
    );
  const training = new Set(sides.train.map(({ group }) => group));
  const torn = sides.validation.find(({ group }) => training.has(group));
  if (torn !== undefined)
    throw new DataError(
      `${torn.id}: its case ${torn.group} is on both sides of the split; put all of it on one side`,
    );
  return sides;
}

/** Every group has a number of its own, drawn from seed and name; the smallest are taken. */
function drawGroups(groups: readonly string[], share: number, seed: number): Set<string> {
  const count = share === 0 ? 0 : Math.max(1, Math.round(share * groups.length));
  const stream = new Random(seed).split("validation");
  const numbered = groups.map((group) => ({ group, number: stream.split(group).next() }));
  numbered.sort((a, b) => a.number - b.number || (a.group < b.group ? -1 : 1));
  return new Set(numbered.slice(0, count).map(({ group }) => group));
}
