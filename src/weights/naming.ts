/** What tensors are called in the files of one family of models: the original names, which are paths, and Hugging Face's. */
export interface Naming {
  /** Where names begin, in either style: the parts of the models. */
  readonly parts: readonly string[];
  /** Whether names of a file, without prefixes, are this family's original ones. */
  isOriginal(names: readonly string[]): boolean;
  /** Whether names of a file, without prefixes, are those of Hugging Face's class for this family. */
  isHuggingFace(names: readonly string[]): boolean;
  /** Hugging Face's name of an original state_dict path. */
  toHuggingFace(path: string): string;
  /** Original state_dict path of one of Hugging Face's names. */
  fromHuggingFace(name: string): string;
  /** Tensors of Hugging Face's that are several of the original ones. */
  readonly stacked: readonly StackedTensor[];
}

/** One tensor of Hugging Face's whose rows are the original ones, in order: [n, …] and n times [1, …]. */
export interface StackedTensor {
  readonly huggingFace: string;
  readonly originals: readonly string[];
}

/**
 * Starts of names: the original ones, and Hugging Face's. The first row that a name starts with counts, and no other;
 * `#` is a number. Names that start with none of them are the same in both.
 */
export type NameTable = readonly (readonly [original: string, huggingFace: string])[];

/** A naming by a table. Each style is told by what some of its names, and none of any other family's, start with. */
export function tableNaming(
  table: NameTable,
  marks: { readonly original: RegExp; readonly huggingFace: RegExp },
  stacked: readonly StackedTensor[] = [],
): Naming {
  const toHuggingFace = table.map(([original, huggingFace]) => rule(original, huggingFace));
  const fromHuggingFace = table.map(([original, huggingFace]) => rule(huggingFace, original));
  return {
    parts: [...new Set(table.flat().map((name) => name.split(".")[0]))],
    isOriginal: (names) => names.some((name) => marks.original.test(name)),
    isHuggingFace: (names) => names.some((name) => marks.huggingFace.test(name)),
    toHuggingFace: (path) => rename(path, toHuggingFace),
    fromHuggingFace: (name) => rename(name, fromHuggingFace),
    stacked,
  };
}

type Rule = readonly [start: RegExp, replacement: string];

/** `a.#.` and `b.#.` to `/^a\.(\d+)\./` and `b.$1.`. */
function rule(from: string, to: string): Rule {
  let numbers = 0;
  return [
    new RegExp(`^${from.replaceAll(".", "\\.").replaceAll("#", "(\\d+)")}`),
    to.replaceAll("#", () => `$${++numbers}`),
  ];
}

function rename(name: string, rules: readonly Rule[]): string {
  const found = rules.find(([start]) => start.test(name));
  return found === undefined ? name : name.replace(...found);
}
