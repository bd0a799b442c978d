/** `93735472` as `93,735,472`, the same in every locale. */
export function thousands(value: number): string {
  return value.toLocaleString("en-US");
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Three digits that count and a prefix: `486 G`, `12.6 MB`. */
export function short(value: number, unit = ""): string {
  const power = value === 0 ? 0 : Math.min(4, Math.floor(Math.log10(value) / 3));
  const digits = value / 1000 ** power;
  return `${power === 0 ? digits : digits.toPrecision(3)} ${["", "k", "M", "G", "T"][power]}${unit}`.trim();
}

/** A list for one line: how many, and the first few. */
export function names(list: readonly string[], shown = 5): string {
  if (list.length === 0) return "none";
  const rest = list.length > shown ? `, and ${list.length - shown} more` : "";
  return `${list.length} (${list.slice(0, shown).join(", ")}${rest})`;
}

/** Rows with their columns under each other, aligned to the left unless said otherwise. */
export function columns(
  rows: readonly (readonly string[])[],
  alignments: readonly ("left" | "right")[] = [],
): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          alignments[column] === "right" ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Seconds as people say them: `45 s`, `12 min`, `2 h 5 min`. */
export function inMinutes(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
