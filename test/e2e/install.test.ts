import { execFileSync, execSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blocksOf, linksOf } from "./docPages.js";
import { ENV, ROOT } from "./medsam.js";

// Installing asks the package registry for the dependencies, so this runs only where it is asked for.
const wanted = process.env.MEDSAM_TEST_INSTALL === "1";
if (!wanted)
  console.warn("install.test.ts: skipped; set MEDSAM_TEST_INSTALL=1 to install the packed package");

/** The commands of the pages' block that holds this one, in order, and what each prints. */
function commandsWith(line: string): { line: string; printed: string }[] {
  const parts = blocksOf("console").map(({ code }) => code.split(/^\$ /m).slice(1));
  const block = parts.find((commands) => commands.some((command) => command.startsWith(`${line}\n`)));
  if (block === undefined) throw new Error(`No page says: ${line}`);
  return block.map((command) => {
    const end = command.indexOf("\n");
    return { line: command.slice(0, end), printed: command.slice(end + 1) };
  });
}

/** The package into an empty folder, its examples beside it, and the sample segmented. */
const START = commandsWith("npm init -y");

describe.skipIf(!wanted)("the packed package, installed in an empty folder as the pages say", () => {
  const parent = mkdtempSync(join(tmpdir(), "medsam-install-"));
  const folder = join(parent, "project");
  const installed = join(folder, "node_modules", "medsam-tfjs");
  const quick = { npm_config_audit: "false", npm_config_fund: "false", npm_config_prefer_offline: "true" };
  const env = { ...ENV, ...quick };
  const run = (line: string) =>
    execSync(line, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], env });

  beforeAll(() => {
    // Packing builds into a folder that other tests read, so they do not run beside this one.
    mkdirSync(join(parent, "medsam-tfjs"));
    mkdirSync(folder);
    execFileSync("npm", ["pack", "--silent", "--pack-destination", join(parent, "medsam-tfjs")], { cwd: ROOT }); // prettier-ignore
    for (const { line } of START.slice(0, -1)) run(line);
  }, 600_000);
  afterAll(() => rmSync(parent, { recursive: true, force: true }));

  test("holds what it needs and nothing more", () => {
    const folders = ["dist", "dist-web", "docs", "examples", "models"];
    expect(readdirSync(installed).sort()).toEqual([
      ...["CONTRIBUTING.md", "LICENSE", "README.md", ...folders, "package.json", "src", "tools"],
    ]);
  });

  test("holds what its pages link to", () => {
    const names = readdirSync(installed, { recursive: true, encoding: "utf8" });
    const pages = names.filter((name) => name.endsWith(".md") && !name.startsWith("node_modules"));
    expect(pages).toContain("docs/change-a-layer.md");
    for (const { page, target, path } of pages.flatMap(linksOf))
      expect(existsSync(join(installed, path)), `${page}: ${target}`).toBe(true);
  });

  test("npx medsam segments", () => {
    run(START[START.length - 1].line);
    expect(readdirSync(join(folder, "out")).sort()).toEqual([
      "sample.json",
      "sample_labels.png",
      "sample_mask.png",
      "sample_overlay.png",
    ]);
    expect(readFileSync(join(folder, "out", "sample.json"), "utf8")).toContain('"embedded": true');
  });

  test("packing leaves npx medsam in the clone as it was", () => {
    expect(execSync("npx --no-install medsam --version", { cwd: ROOT, encoding: "utf8", env })).toMatch(
      /^\d/,
    );
  });

  test("the program of the five minutes runs as it is", () => {
    const program = blocksOf("ts").find(({ where }) => where.startsWith("docs/five-minutes.md"))!;
    writeFileSync(join(folder, "segment.mjs"), program.code);
    expect(run("node segment.mjs")).toMatch(/^\[ [1-9]\d+, [1-9]\d+ \]\n$/);
  });

  test("TypeScript of one's own, under the settings of a fresh project, trains a new attention", () => {
    const [program] = blocksOf("ts example").filter(({ code }) => code.includes("class TemperedAttention"));
    writeFileSync(join(folder, "program.ts"), program.code);
    const setUp = commandsWith("npx tsc --init").map(({ line }) => line);
    const start = setUp.pop() ?? "";
    for (const line of setUp) run(line);
    // The program, and all examples.
    expect(run("npx tsc --noEmit")).toBe("");
    const [{ printed }] = commandsWith("npx tsx examples/change-a-layer/temperature.ts");
    expect(run(start)).toBe(printed);

    const [{ line, printed: differences }] = commandsWith("npx tsx examples/change-a-layer/own-attention.ts");
    // Newer versions of Node run TypeScript by themselves.
    const alone = run('node -p "Boolean(process.features.typescript)"') === "true\n";
    expect(run(alone ? line.replace("npx tsx", "node") : line)).toBe(differences);
  }, 300_000);
});
