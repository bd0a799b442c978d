/**
 * Patterns over state_dict paths: `*` stands for one or more characters inside one segment, `**` for any number
 * of segments. `image_encoder.blocks.*.attn` names the attention of all blocks.
 */
export function globToRegExp(pattern: string): RegExp {
  const segments = pattern.split(".").map((segment) => {
    if (segment === "**") return ".*";
    return segment.replace(/[^A-Za-z0-9_*]/g, "\\$&").replaceAll("*", "[^.]+");
  });
  return new RegExp(`^${segments.join("\\.")}$`);
}

/** The name, or the part of it that it begins with, that one of `patterns` matches: the first pattern that does counts. */
export function matchingStart(patterns: readonly string[], name: string): string | undefined {
  const segments = name.split(".");
  return patterns
    .map((pattern) => ({ pattern, start: segments.slice(0, pattern.split(".").length).join(".") }))
    .find(({ pattern, start }) => globToRegExp(pattern).test(start))?.start;
}

/** The ones of `names` that any of `patterns` matches, in their order. */
export function matchGlobs(patterns: readonly string[], names: Iterable<string>): string[] {
  const expressions = patterns.map(globToRegExp);
  return [...names].filter((name) => expressions.some((expression) => expression.test(name)));
}

/**
 * The same, for patterns that must all mean something.
 *
 * @param what is looked for, for the message: "trainable parameter".
 * @throws RangeError for a pattern that matches none of `names`, with the names nearest to it.
 */
export function matchAllGlobs(patterns: readonly string[], names: readonly string[], what: string): string[] {
  for (const pattern of patterns) {
    if (matchGlobs([pattern], names).length > 0) continue;
    throw new RangeError(
      `"${pattern}" matches no ${what}; near it are ${nearest(pattern, names, 3).join(", ")}`,
    );
  }
  return matchGlobs(patterns, names);
}

/** The paths, cut to the pattern's length from the end that it fixes, that are the fewest edits away from it. */
function nearest(pattern: string, names: readonly string[], count: number): string[] {
  const segments = pattern.split(".");
  const fixed = segments.filter((segment) => segment !== "**");
  const fromEnd = segments[0] === "**";
  const candidates = new Set(
    names.map((name) => {
      const parts = name.split(".");
      return (fromEnd ? parts.slice(-fixed.length) : parts.slice(0, fixed.length || 1)).join(".");
    }),
  );
  const text = fixed.join(".");
  const scored = [...candidates].map((name) => ({ name, edits: editDistance(text, name) }));
  return scored
    .sort((a, b) => a.edits - b.edits)
    .slice(0, count)
    .map(({ name }) => (fromEnd ? `**.${name}` : name));
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}
