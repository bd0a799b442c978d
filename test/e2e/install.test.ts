import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ENV, ROOT } from "./medsam.js";

// Installing asks the package registry for the dependencies, so this runs only where it is asked for.
const wanted = process.env.MEDSAM_TEST_INSTALL === "1";
if (!wanted)
  console.warn("install.test.ts: skipped; set MEDSAM_TEST_INSTALL=1 to install the packed package");

describe.skipIf(!wanted)("the packed package, installed in an empty folder", () => {
  const folder = mkdtempSync(join(tmpdir(), "medsam-install-"));
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: ENV,
    });

  beforeAll(() => {
    // Packing builds into a folder that other tests read, so they do not run beside this one.
    execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: ROOT });
    const [tarball] = readdirSync(folder);
    writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
    run("npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline", `./${tarball}`);
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("holds what it needs and nothing more", () => {
    const packed = readdirSync(join(folder, "node_modules", "medsam-tfjs")).sort();
    const folders = ["dist", "dist-web", "docs", "examples", "models"];
    expect(packed).toEqual(["LICENSE", "README.md", ...folders, "package.json"]);
  });

  test("npx medsam segments", () => {
    run("npx", "medsam", "segment", "--boxes", "node_modules/medsam-tfjs/examples/sample/boxes.json");
    expect(readdirSync(join(folder, "out")).sort()).toEqual([
      "sample.json",
      "sample_labels.png",
      "sample_mask.png",
      "sample_overlay.png",
    ]);
    expect(readFileSync(join(folder, "out", "sample.json"), "utf8")).toContain('"embedded": true');
  });

  test("is imported in Node", () => {
    const script = `
      import { loadMedSam, useBackend } from "medsam-tfjs";
      console.log(await useBackend(), (await loadMedSam()).config.imageSize);`;
    writeFileSync(join(folder, "use.js"), script);
    expect(run("node", "use.js")).toBe("wasm 128\n");
  });
});
