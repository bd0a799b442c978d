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

/** The ones of `names` that any of `patterns` matches, in their order. */
export function matchGlobs(patterns: readonly string[], names: Iterable<string>): string[] {
  const expressions = patterns.map(globToRegExp);
  return [...names].filter((name) => expressions.some((expression) => expression.test(name)));
}
