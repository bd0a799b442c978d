/** An object that is skipped, as its prompt, or a row of the table that it is from, cannot be used. */
export interface Skipped {
  /** The value that it would have in the label map. */
  readonly value: number;
  /** Its rows in the table, from 1. */
  readonly rows?: readonly number[];
  /** What was expected, and what came. */
  readonly error: string;
}

/** What is said of it, after the name of its image. */
export function skippedLine({ value, rows, error }: Skipped, table: string | undefined): string {
  if (rows === undefined || table === undefined) return `object ${value}: ${error}`;
  return `${table}, ${rows.length > 1 ? "rows" : "row"} ${rows.join(", ")}: ${error}`;
}
