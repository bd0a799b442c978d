/** A piece of a page that is already escaped. Text becomes one only through `markup`, so nothing is forgotten. */
export class Markup {
  constructor(readonly text: string) {}
}

/** What `markup` takes: text and numbers are escaped, pieces stay, lists are put together, undefined is nothing. */
export type MarkupPart = string | number | Markup | undefined | readonly MarkupPart[];

/** Template of HTML or SVG: `` markup`<p class="${name}">${text}</p>` ``. What is filled in is escaped. */
export function markup(literals: TemplateStringsArray, ...parts: readonly MarkupPart[]): Markup {
  return new Markup(literals.reduce((text, literal, index) => text + textOf(parts[index - 1]) + literal));
}

function textOf(part: MarkupPart): string {
  if (part === undefined) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "object") return part.map(textOf).join("");
  return escaped(String(part));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as it may stand in an element or an attribute. What no page may hold, such as NUL, becomes U+FFFD. */
function escaped(text: string): string {
  return text
    .replace(/[&<>"']/g, (character) => ENTITIES[character])
    .replace(/(?![\t\n])\p{Cc}|[\p{Cs}\p{Noncharacter_Code_Point}]/gu, "\ufffd");
}
