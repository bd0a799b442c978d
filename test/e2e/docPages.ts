import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { ROOT } from "./medsam.js";

/** The pages that a reader may come to. */
export const PAGES: readonly string[] = [
  ...["README.md", "CONTRIBUTING.md", "models/README.md", "tools/convert/README.md"],
  ...readdirSync(join(ROOT, "docs")).flatMap((name) => (name.endsWith(".md") ? [`docs/${name}`] : [])),
];

/** What a fenced block may be marked as, and what is done with it. */
export const MARKS = {
  sh: "commands: run in a reader's folder",
  console: "commands after $, and what they print: run, with stand-ins for the reader's own files",
  ts: "a program: types checked, run in Node",
  "ts example": "a program of examples/, word for word: types checked; run by the command below it",
  "ts browser": "a program: types checked, bundled; run in Chromium by webDocs.test.ts",
  csv: "a table of boxes: segmented",
  python: "run with PyTorch in test/parity/live/docs.test.ts",
  json: "parsed",
  text: "no program",
  math: "no program",
} as const;

export interface Block {
  readonly where: string;
  readonly mark: string;
  readonly code: string;
}

export const textOf = (page: string) => readFileSync(join(ROOT, page), "utf8");

/** All fenced blocks of all pages. */
export const BLOCKS: readonly Block[] = PAGES.flatMap((page) => {
  const text = textOf(page);
  return [...text.matchAll(/^```(.*)\n([^]*?)^```$/gm)].map(({ index, 1: mark, 2: code }) => {
    return { where: `${page}:${text.slice(0, index).split("\n").length}`, mark, code };
  });
});

/** Those with this mark. */
export const blocksOf = (mark: keyof typeof MARKS): Block[] => BLOCKS.filter((block) => block.mark === mark);

/** Files that blocks are to be saved as, by the name in their first line. */
export const FILES: readonly (readonly [name: string, code: string])[] = BLOCKS.flatMap(({ code }) => {
  const name = /^\/\/ (\S+\.ts)\n/.exec(code)?.[1];
  return name === undefined ? [] : [[name, code] as const];
});

/** A page's text without its code. */
export const prose = (page: string) => textOf(page).replace(/^```[^]*?^```$/gm, "").replace(/`[^`]*`/g, ""); // prettier-ignore

export interface Link {
  readonly page: string;
  readonly target: string;
  /** From the project's folder; of a link within a page, the page. */
  readonly path: string;
  readonly anchor?: string;
}

/** Links and pictures of a page that stay in the project. */
export const linksOf = (page: string): Link[] =>
  [...prose(page).matchAll(/\]\((?!https?:)([^)\s]+)[^)]*\)/g)].map(([, target]) => {
    const [path, anchor] = target.split("#");
    return { page, target, path: path === "" ? page : normalize(join(dirname(page), path)), anchor };
  });
