import { markup, Markup, type MarkupPart } from "./markup.js";
import { STYLE } from "./style.js";

/** Title and parts of a page. */
export interface HtmlPage {
  readonly title: string;
  /** What stands under the title, in order. */
  readonly body: readonly Markup[];
  /** Reload every so many seconds: for a page that is written again and again. Default: never. */
  readonly refreshSeconds?: number;
}

/**
 * A page in one file: nothing is loaded from elsewhere (its content security policy forbids it) and no script runs.
 * Light or dark as the reader's system is; readable on paper.
 */
export function htmlPage({ title, body, refreshSeconds }: HtmlPage): string {
  const refresh =
    refreshSeconds === undefined
      ? undefined
      : markup`\n<meta http-equiv="refresh" content="${refreshSeconds}">`;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">${refresh}
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${body.map((part) => markup`${part}\n`)}</main>
</body>
</html>
`.text;
}

/** A heading within the page; its title is the only one of level 1. */
export function heading(text: string): Markup {
  return markup`<h2>${text}</h2>`;
}

/** A paragraph of text, or of `markup`. */
export function paragraph(...parts: readonly MarkupPart[]): Markup {
  return markup`<p>${parts}</p>`;
}
