import { build, transform } from "esbuild";
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BLOCKS, blocksOf, FILES, MARKS, textOf, type Block } from "./docPages.js";
import { ENV, MAIN, ROOT } from "./medsam.js";
import { readersFolder } from "./readersFolder.js";

// What README.md and docs/ say to do is done here, block by block, in a folder as a reader has it.

let folder: string;
beforeAll(async () => {
  folder = await readersFolder();
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  for (const [name, code] of FILES) writeFileSync(join(folder, name), code);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Commands that need a network, a server or a device: how each starts, and the file that tries it. */
const TRIED_ELSEWHERE: readonly (readonly [start: string, file: string])[] = [
  ["npm pack", "test/e2e/install.test.ts"],
  ["npm init", "test/e2e/install.test.ts"],
  ["npm install ../medsam-tfjs", "test/e2e/install.test.ts"],
  ["npm pkg set", "test/e2e/install.test.ts"],
  ["npm install --save-dev typescript", "test/e2e/install.test.ts"],
  ["npx tsc --init", "test/e2e/install.test.ts"],
  ["npx tsx program.ts", "test/e2e/install.test.ts"],
  ["npx tsx examples/change-a-layer/own-attention.ts", "test/e2e/changeALayer.test.ts"],
  ["npx tsx examples/change-a-layer/temperature.ts", "test/e2e/install.test.ts"],
  ["npm install bullmq", "test/e2e/queue.test.ts"],
  ["npx medsam submit", "test/e2e/queue.test.ts"],
  ["npx medsam worker", "test/e2e/queue.test.ts"],
  ["npx medsam web", "test/e2e/webServer.test.ts"],
  ["npx medsam download", "test/e2e/download.test.ts"],
  ["npx medsam segment slice.png --checkpoint medsam --box", "test/e2e/download.test.ts"],
  ["npx medsam segment-volume ct.nii.gz --checkpoint medsam2", "test/e2e/medsam2Volume.test.ts"],
  ["npx medsam segment-video", "test/e2e/segmentVideo.test.ts"],
  ["npx medsam batch cases.csv --out results --checkpoint medsam2", "test/e2e/medsam2Volume.test.ts"],
  ["npx medsam native", "test/e2e/nativeInstall.test.ts"],
  ["npx medsam doctor", "test/e2e/native.test.ts"],
  ["npx medsam finetune rings", "test/e2e/finetune.test.ts"],
  ["npx medsam segment rings", "test/e2e/finetune.test.ts"],
  ["python3 -m venv", ".ci/run"],
  [".cache/venv/bin/pip", ".ci/run"],
  ["pip install", ".ci/run"],
  ["python tools/convert/reference.py", "test/parity/live/docs.test.ts"],
  ["npx medsam parity --reference", "test/parity/live/docs.test.ts"],
];

/** A command that would train for long, and what is added here to keep it short. */
const SHORTER = { start: "npx medsam finetune data", added: ["--steps", "1"] };

/** The lines of `sh` blocks, and those after `$` of `console` blocks, without environment and comments. */
function commandsOf({ where, mark, code }: Block): { where: string; line: string; printed: string[] }[] {
  const parts = mark === "sh" ? code.trim().split("\n") : code.split(/^\$ /m).slice(1);
  return parts.map((part) => {
    const [line, ...printed] = part.trimEnd().split("\n");
    return { where, line: line.replace(/ +#.*/, "").replace(/^([A-Z0-9_]+=\S+ )+/, ""), printed };
  });
}

const all = BLOCKS.filter(({ mark }) => mark === "sh" || mark === "console").flatMap(commandsOf);
/** What one page says like another is done once. */
const once = all.filter(({ line }, n) => all.findIndex((other) => other.line === line) === n);
const isElsewhere = (line: string) => TRIED_ELSEWHERE.some(([start]) => line.startsWith(start));

function run(cwd: string, program: string, args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(program, args, { cwd, env: ENV, encoding: "utf8" });
}

/** Runs a line of a page as a shell would, with this clone in the place of what npx would find. */
function runLine(line: string): SpawnSyncReturns<string> {
  const [program, what, ...args] = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word); // prettier-ignore
  const { start, added } = SHORTER;
  if (line.startsWith("npx medsam "))
    return run(folder, process.execPath, [MAIN, ...args, ...(line.startsWith(start) ? added : [])]);
  if (line.startsWith("npx esbuild "))
    return run(folder, join(ROOT, "node_modules", ".bin", "esbuild"), args);
  if (line.startsWith("npm start"))
    return run(ROOT, process.execPath, [join(ROOT, "scripts", "start.mjs"), ...args.slice(1)]);
  expect(["node", "cp"]).toContain(program);
  return run(folder, program, [what, ...args]);
}

test("every block is of a kind that is known here", () => {
  for (const { where, mark } of BLOCKS) expect(Object.keys(MARKS), where).toContain(mark);
});

describe("commands", () => {
  test("there are some", () => expect(all.length).toBeGreaterThan(35));

  test("the command line's page has a row for each", () => {
    const help = run(ROOT, process.execPath, [MAIN, "--help"]).stdout;
    const names = [...help.slice(help.indexOf("Commands:")).matchAll(/^ {2}([a-z-]+) (?!.*display help)/gm)].map(([, name]) => name); // prettier-ignore
    const rows = textOf("docs/command-line.md")
      .split("\n")
      .filter((line) => line.startsWith("| `"));
    expect(names.length).toBeGreaterThan(12);
    for (const name of names)
      expect(
        rows.some((row) => new RegExp(`\`${name}[ \`]`).test(row)),
        name,
      ).toBe(true);
  });

  test.each(TRIED_ELSEWHERE)("%s is on a page, and tried in %s", (start, file) => {
    expect(all.some(({ line }) => line.startsWith(start))).toBe(true);
    expect(existsSync(join(ROOT, file))).toBe(true);
  });

  test.each(once.filter(({ line }) => !isElsewhere(line)))(
    "$where: $line",
    { timeout: 300_000 },
    ({ line, printed }) => {
      const { status, stdout, stderr } = runLine(line);
      expect(status, stderr).toBe(0);
      for (const text of printed) expect(stdout.split("\n")).toContain(text);
    },
  );

  test.each(blocksOf("csv"))("$where is a table of boxes", ({ code }) => {
    writeFileSync(join(folder, "table.csv"), code);
    const { status, stderr } = runLine(
      "npx medsam segment examples/sample/sample.png --boxes table.csv --out from-table",
    );
    expect(status, stderr).toBe(0);
  });
});

/** Settings of TypeScript from a file with comments. */
const settings = (text: string) =>
  ts.parseConfigFileTextToJson("tsconfig.json", text).config as { readonly compilerOptions: object };
/** Those of a fresh project, which the examples have too. */
const FRESH = settings(readFileSync(join(ROOT, "examples", "tsconfig.json"), "utf8"));

describe("programs", () => {
  const typed = [...blocksOf("ts"), ...blocksOf("ts browser"), ...blocksOf("ts example")];

  test("there are some", () => expect(typed.length).toBeGreaterThan(10));

  test("they are checked as in a fresh project", () => {
    const { stdout } = run(folder, process.execPath, [join(ROOT, "node_modules", "typescript", "bin", "tsc"), "--init"]); // prettier-ignore
    expect(stdout).toContain("tsconfig.json");
    const { compilerOptions } = settings(readFileSync(join(folder, "tsconfig.json"), "utf8"));
    expect({ ...compilerOptions, noEmit: true }).toEqual(FRESH.compilerOptions);
  });

  test("their types fit", () => {
    const files = new Map(
      typed.map(({ where, mark, code }, n) => {
        const entry = mark === "ts browser" ? '"medsam-tfjs/browser"' : '"medsam-tfjs"';
        writeFileSync(join(folder, `types${n}.ts`), code.replaceAll('"medsam-tfjs"', entry));
        return [join(folder, `types${n}.ts`), where];
      }),
    );
    const { options } = ts.parseJsonConfigFileContent(FRESH, ts.sys, folder);
    const program = ts.createProgram([...files.keys()], {
      ...{ ...options, types: ["node"] },
      typeRoots: [join(ROOT, "node_modules", "@types")],
    });
    const found = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
      return `${files.get(file?.fileName ?? "")}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
    });
    expect(found).toEqual([]);
  });

  test.each(blocksOf("ts"))("$where", async ({ code }) => {
    const { code: script } = await transform(code, { loader: "ts", format: "esm" });
    writeFileSync(join(folder, "example.mjs"), script);
    const { status, stderr } = run(folder, process.execPath, ["example.mjs"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  test.each(blocksOf("ts example"))("$where is an example, which runs", ({ code }) => {
    const names = readdirSync(join(ROOT, "examples"), { recursive: true, encoding: "utf8" });
    const examples = names.flatMap((name) => (name.endsWith(".ts") ? [`examples/${name}`] : []));
    const example = examples.find((path) => readFileSync(join(ROOT, path), "utf8") === code);
    expect(example).toBeDefined();
    expect(all.some(({ line }) => line === `npx tsx ${example}`)).toBe(true);
  });

  test.each(blocksOf("ts browser"))("$where bundles", async ({ code }) => {
    const { outputFiles } = await build({
      stdin: { contents: code, loader: "ts", resolveDir: folder },
      ...{ bundle: true, write: false, platform: "browser", format: "esm" },
      ...{ external: ["fs", "path"], logLevel: "silent" },
    });
    expect(outputFiles[0].text.length).toBeGreaterThan(100);
  });
});
