import { markup, type Markup } from "./markup.js";

/** A number is aligned to the right; what is missing shows as a dash. */
export type Cell = string | number | Markup | undefined;

/** A table of a page. */
export interface Table {
  readonly caption?: string;
  readonly columns: readonly (string | Column)[];
  /** One cell a column. */
  readonly rows: readonly (readonly Cell[])[];
}

/** Head of a column. */
export interface Column {
  readonly title: string;
  /** Digits behind the point of its numbers. Default: as many as they need, at most 4. */
  readonly digits?: number;
}

/** @throws RangeError when a row has another number of cells than there are columns. */
export function table({ caption, columns, rows }: Table): Markup {
  const wrong = rows.findIndex((row) => row.length !== columns.length);
  if (wrong >= 0)
    throw new RangeError(
      `table: row ${wrong} has ${rows[wrong].length} cells; expected ${columns.length}, one a column`,
    );
  const heads = columns.map((column, index): Markup => {
    const title = typeof column === "string" ? column : column.title;
    const cells = rows.map((row) => row[index]).filter((cell) => cell !== undefined);
    const numeric = cells.length > 0 && cells.every((cell) => typeof cell === "number");
    return markup`<th scope="col"${classOf(numeric)}>${title}</th>`;
  });
  const body = rows.map(
    (row) =>
      markup`<tr>${row.map((cell, index) => {
        const column = columns[index];
        const digits = typeof column === "string" ? undefined : column.digits;
        return markup`<td${classOf(typeof cell === "number" || cell === undefined)}>${shown(cell, digits)}</td>`;
      })}</tr>\n`,
  );
  const title = caption === undefined ? undefined : markup`<caption>${caption}</caption>`;
  return markup`<div class="scroll"><table>${title}
<thead><tr>${heads}</tr></thead>
<tbody>
${body}</tbody></table></div>`;
}

function classOf(numeric: boolean): Markup | undefined {
  return numeric ? markup` class="number"` : undefined;
}

function shown(cell: Cell, digits?: number): Exclude<Cell, undefined | number> {
  if (cell === undefined) return "–";
  if (typeof cell !== "number") return cell;
  if (!Number.isFinite(cell)) return String(cell);
  return cell.toLocaleString("en-US", {
    minimumFractionDigits: digits ?? 0,
    maximumFractionDigits: digits ?? 4,
  });
}
