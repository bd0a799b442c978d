import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readImageFile } from "../../src/image/decode.node.js";
import { ROOT, temporaryFolder } from "./medsam.js";

// What depends on the embedded checkpoint or on the model is what the scripts of `npm run regenerate` make of it.

function made(script: string, name: string): string {
  const path = join(temporaryFolder(), name);
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, "scripts", script), path], {
    encoding: "utf8",
  });
  expect(status, stderr).toBe(0);
  return path;
}

test("the golden values", () => {
  const kept = readFileSync(join(ROOT, "models", "medsam-tiny.golden.json"), "utf8");
  expect(readFileSync(made("make-golden.mjs", "golden.json"), "utf8")).toBe(kept);
});

test("the README's picture", async () => {
  const kept = await readImageFile(join(ROOT, "docs", "images", "sample.png"));
  expect(await readImageFile(made("draw-readme.mjs", "sample.png"))).toEqual(kept);
});

test("the picture of generated images", async () => {
  const kept = await readImageFile(join(ROOT, "docs", "images", "generated.png"));
  expect(await readImageFile(made("draw-generated.mjs", "generated.png"))).toEqual(kept);
});

test.each(["architecture", "architecture-medsam2"])("the picture %s", (name) => {
  const kept = readFileSync(join(ROOT, "docs", "images", `${name}.svg`), "utf8");
  expect(readFileSync(made(`draw-${name}.mjs`, `${name}.svg`), "utf8")).toBe(kept);
});

test("the pictures of what is inside", { timeout: 300_000 }, async () => {
  const folder = temporaryFolder();
  const script = join(ROOT, "scripts", "draw-inside.mjs");
  expect(spawnSync(process.execPath, [script, folder], { stdio: "ignore" }).status).toBe(0);
  for (const name of ["inside-heads.png", "inside-similarity.png", "inside-features.png"]) {
    const [drawn, kept] = await Promise.all(
      [folder, join(ROOT, "docs", "images")].map((where) => readImageFile(join(where, name))),
    );
    expect([drawn.width, drawn.height]).toEqual([kept.width, kept.height]);
    // Colours of computed values: threads add up in another order, and a shade may round to the next.
    let most = 0;
    for (const [i, value] of drawn.data.entries()) most = Math.max(most, Math.abs(value - kept.data[i]));
    expect(most, name).toBeLessThanOrEqual(3);
  }
});
