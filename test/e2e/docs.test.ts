import { build, transform } from "esbuild";
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ENV, MAIN, ROOT } from "./medsam.js";

/** The pages whose code is run. */
const PAGES = ["README.md", ...readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)]; // prettier-ignore

interface Block {
  readonly where: string;
  readonly code: string;
}

/** The fenced blocks with this mark. */
function blocksOf(mark: string): Block[] {
  return PAGES.flatMap((page) => {
    const text = readFileSync(join(ROOT, page), "utf8");
    return [...text.matchAll(/^```(.*)\n([^]*?)^```$/gm)]
      .filter(([, found]) => found === mark)
      .map(({ index, 2: code }) => ({ where: `${page}:${text.slice(0, index).split("\n").length}`, code }));
  });
}

/** A folder as a reader has it: the package installed, the sample where the clone has it. */
const folder = mkdtempSync(join(tmpdir(), "medsam-docs-"));
beforeAll(() => {
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(ROOT, join(folder, "node_modules", "medsam-tfjs"), "junction");
  cpSync(join(ROOT, "examples"), join(folder, "examples"), { recursive: true });
  cpSync(join(ROOT, "models"), join(folder, "models"), { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("commands", () => {
  const commands = blocksOf("sh").flatMap(({ where, code }) =>
    code
      .trim()
      .split("\n")
      .map((line) => [where, line]),
  );

  test("there are some", () => expect(commands.length).toBeGreaterThanOrEqual(6));

  test.each(commands)("%s: %s", (_where, line) => {
    const [program, what, ...args] = line.split(" ");
    if (program === "npm" && what === "start") {
      const script = join(ROOT, "scripts", "start.mjs");
      execFileSync(process.execPath, [script, ...args.filter((arg) => arg !== "--")], {
        cwd: ROOT,
        env: ENV,
      });
    } else {
      expect(`${program} ${what}`).toBe("npx medsam");
      execFileSync(process.execPath, [MAIN, ...args], { cwd: folder, env: ENV });
    }
  });
});

describe("programs", () => {
  const programs = blocksOf("ts").map(({ where, code }) => [where, code]);

  test("there are some", () => expect(programs.length).toBeGreaterThanOrEqual(3));

  test.each(programs)("%s", async (_where, code) => {
    const { code: script } = await transform(code, { loader: "ts", format: "esm" });
    writeFileSync(join(folder, "example.mjs"), script);
    const { status, stderr } = spawnSync(process.execPath, ["example.mjs"], {
      cwd: folder,
      env: ENV,
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  test.each(blocksOf("ts browser").map(({ where, code }) => [where, code]))(
    "%s bundles",
    async (_where, code) => {
      const { outputFiles } = await build({
        stdin: { contents: code, loader: "ts", resolveDir: folder },
        ...{ bundle: true, write: false, platform: "browser", format: "esm" },
        external: ["fs", "path"],
        logLevel: "silent",
      });
      expect(outputFiles[0].text).toContain("segment");
    },
  );
});

test("links lead to files and headings of the project", () => {
  for (const page of [...PAGES, "CONTRIBUTING.md", "models/README.md"]) {
    const text = readFileSync(join(ROOT, page), "utf8");
    for (const [, target] of text.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      const [path, anchor] = target.split("#");
      const linked = readFileSync(join(ROOT, dirname(page), path), "utf8");
      if (anchor === undefined) continue;
      const headings = [...linked.matchAll(/^#+ (.*)$/gm)].map(
        ([, heading]) =>
        heading.toLowerCase().replace(/[^\w -]/g, "").replaceAll(" ", "-"), // prettier-ignore
      );
      expect(headings, `${page}: ${target}`).toContain(anchor);
    }
  }
});
