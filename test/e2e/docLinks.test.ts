import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { linksOf, PAGES, prose, textOf } from "./docPages.js";
import { ROOT } from "./medsam.js";

/** The anchors that GitHub gives to a page's headings. */
function anchors(page: string): string[] {
  const seen = new Map<string, number>();
  const text = textOf(page).replace(/^```[^]*?^```$/gm, "");
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => {
    const plain = heading.toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-"); // prettier-ignore
    const count = seen.get(plain) ?? 0;
    seen.set(plain, count + 1);
    return count === 0 ? plain : `${plain}-${count}`;
  });
}

const LINKS = PAGES.flatMap(linksOf);

test("links and pictures lead to files and headings of the project", () => {
  expect(LINKS.length).toBeGreaterThan(60);
  for (const { page, target, path, anchor } of LINKS) {
    expect(existsSync(join(ROOT, path)), `${page}: ${target}`).toBe(true);
    if (anchor !== undefined) expect(anchors(path), `${page}: ${target}`).toContain(anchor);
  }
});

test("no link leads out of the project, or to what git does not keep", () => {
  for (const { page, target, path } of LINKS)
    expect(path, `${page}: ${target}`).not.toMatch(/^\.\.|^(dist|out|docs\/api|node_modules)\//);
});

test("the README leads to every page", () => {
  const linked = linksOf("README.md").map(({ path }) => path);
  for (const page of PAGES.filter((name) => name.startsWith("docs/"))) expect(linked).toContain(page);
});

test("every picture is shown, described, and made by a script", () => {
  const scripts = ["scripts", "bench"].flatMap((folder) =>
    readdirSync(join(ROOT, folder)).map((name) => join(ROOT, folder, name)),
  );
  const code = scripts.filter((path) => statSync(path).isFile()).map((path) => readFileSync(path, "utf8"));
  const shown = PAGES.flatMap((page) =>
    [...prose(page).matchAll(/!\[([^\]]*)\]\(([^)]+)\)/g)].map(([, alt, path]) => {
      expect(alt.length, `${page}: ${path} needs words for those who do not see it`).toBeGreaterThan(20);
      return normalize(join(dirname(page), path));
    }),
  );
  for (const name of readdirSync(join(ROOT, "docs", "images"))) {
    expect(shown, `docs/images/${name}`).toContain(`docs/images/${name}`);
    expect(code.some((text) => text.includes(`docs/images/${name}`)), `a script that makes ${name}`).toBe(true); // prettier-ignore
  }
});
