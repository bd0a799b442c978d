/** `93735472` as `93,735,472`, the same in every locale. */
export function thousands(value: number): string {
  return value.toLocaleString("en-US");
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A list for one line: how many, and the first few. */
export function names(list: readonly string[], shown = 5): string {
  if (list.length === 0) return "none";
  const rest = list.length > shown ? `, and ${list.length - shown} more` : "";
  return `${list.length} (${list.slice(0, shown).join(", ")}${rest})`;
}

/** Rows with their columns under each other. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]))
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
