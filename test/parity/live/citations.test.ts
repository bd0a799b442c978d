import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { missing, PYTHON } from "./python.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PACKAGE = "import importlib.util; print(importlib.util.find_spec('segment_anything').origin)";

/** Lines of a file of the installed package `segment-anything`. */
function upstream(file: string): string[] {
  const init = execFileSync(PYTHON!, ["-c", PACKAGE], { encoding: "utf8" });
  return readFileSync(join(dirname(init.trim()), file), "utf8").split("\n");
}

/** A class, a function, or what a name is assigned, at the start of a line. */
const defines = (line: string | undefined, name: string) =>
  new RegExp(`^\\s*((class|def) ${name}\\b|(self\\.)?${name}\\b.*[=:])`).test(line ?? "");

describe.skipIf(missing(false) !== undefined)("upstream's lines", () => {
  it("are what docs/the-model.md says", () => {
    const page = readFileSync(join(ROOT, "docs", "the-model.md"), "utf8");
    const cited = [...page.matchAll(/`(\w+\.py):(\d+)`\s`([\w.]+)`/g)];
    expect(cited.length).toBeGreaterThan(40);
    for (const [text, file, line, name] of cited) {
      const lines = upstream(file === "build_sam.py" ? file : `modeling/${file}`);
      const [method, owner] = name.split(".").toReversed();
      expect(defines(lines[Number(line) - 1], method), text).toBe(true);
      if (owner === undefined) continue;
      const before = lines.slice(0, Number(line)).findLast((above) => above.startsWith("class "));
      expect(before, text).toMatch(new RegExp(`^class ${owner}\\b`));
    }
  });

  it("define what docstrings refer to", () => {
    let count = 0;
    for (const path of readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })) {
      if (!path.endsWith(".ts")) continue;
      const text = readFileSync(join(ROOT, "src", path), "utf8");
      for (const [, file, names] of text.matchAll(/@see segment_anything\/(\S+\.py)((?:, `\S+`)+)/g))
        for (const [, name] of names.matchAll(/`(\S+?)`/g)) {
          const found = upstream(file).some((line) => defines(line, name.split(".").at(-1)!));
          expect(found, `${path}: ${file}, ${name}`).toBe(true);
          count++;
        }
    }
    expect(count).toBeGreaterThan(20);
  });
});
