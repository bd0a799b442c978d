import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { missing, PYTHON } from "./python.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Where an installed package has its files. */
function folderOf(name: string): string {
  const where = `import importlib.util; print(importlib.util.find_spec('${name}').origin)`;
  return dirname(execFileSync(PYTHON!, ["-c", where], { encoding: "utf8" }).trim());
}

const linesOf = (path: string) => readFileSync(path, "utf8").split("\n");

/** A class, a function, or what a name is assigned, at the start of a line. */
const defines = (line: string | undefined, name: string) =>
  new RegExp(`^\\s*((class|def) ${name}\\b|(self\\.)?${name}\\b.*[=:])`).test(line ?? "");

/** Pages, and the package and the folders of it in which the files that they cite are. */
const CITING = [
  ["the-model.md", "segment_anything", [".", "modeling"]],
  ["the-medsam2-model.md", "sam2", ["modeling", "modeling/backbones", "modeling/sam"]],
] as const;

describe.skipIf(missing(false) !== undefined)("upstream's lines", () => {
  it.each(CITING)("are what docs/%s says", (name, source, folders) => {
    const page = readFileSync(join(ROOT, "docs", name), "utf8");
    const root = folderOf(source);
    const cited = [...page.matchAll(/`([\w/]+\.py):(\d+)`\s`([\w.]+)`/g)];
    expect(cited.length).toBeGreaterThan(40);
    for (const [text, file, line, what] of cited) {
      const path = folders.map((folder) => join(root, folder, file)).find((one) => existsSync(one));
      expect(path, text).toBeDefined();
      const lines = linesOf(path!);
      const [method, owner] = what.split(".").toReversed();
      expect(defines(lines[Number(line) - 1], method), text).toBe(true);
      if (owner === undefined) continue;
      const before = lines.slice(0, Number(line)).findLast((above) => above.startsWith("class "));
      expect(before, text).toMatch(new RegExp(`^class ${owner}\\b`));
    }
  });

  it.each([
    ["segment_anything", 20],
    ["sam2", 15],
  ] as const)("of %s define what docstrings refer to", (source, least) => {
    const root = folderOf(source);
    let count = 0;
    for (const path of readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })) {
      if (!path.endsWith(".ts")) continue;
      const text = readFileSync(join(ROOT, "src", path), "utf8");
      for (const [, file, names] of text.matchAll(
        new RegExp(`@see ${source}/(\\S+\\.py)((?:, \`\\S+\`)+)`, "g"),
      ))
        for (const [, name] of names.matchAll(/`(\S+?)`/g)) {
          const found = linesOf(join(root, file)).some((line) => defines(line, name.split(".").at(-1)!));
          expect(found, `${path}: ${file}, ${name}`).toBe(true);
          count++;
        }
    }
    expect(count).toBeGreaterThan(least);
  });
});
