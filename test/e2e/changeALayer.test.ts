import { spawnSync } from "node:child_process";
import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TINY } from "../../src/model/config.js";
import { parameterShapes } from "../../src/model/parameterShapes.js";
import { openCheckpointFile } from "../../src/weights/open.node.js";
import { ENV, ROOT, temporaryFolder } from "./medsam.js";

const FOLDER = join(ROOT, "examples", "change-a-layer");

/** Runs an example as a reader does, in a folder that has the sample; what it writes stays there. */
function run(name: string, ...args: string[]): { readonly folder: string; readonly lines: string[] } {
  const folder = temporaryFolder();
  cpSync(join(ROOT, "examples", "sample"), join(folder, "examples", "sample"), { recursive: true });
  const script = join(FOLDER, `${name}.mjs`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: folder,
    env: ENV,
    encoding: "utf8",
  });
  expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
  return { folder, lines: stdout.trim().split("\n") };
}

/** A checkpoint with the tensors of the small configuration and no others. */
function expectPlain(path: string): void {
  const file = openCheckpointFile(path);
  const shapes = new Map([...file.tensors].map(([name, { shape }]) => [name, shape.join()]));
  file.close();
  expect(shapes).toEqual(new Map([...parameterShapes(TINY)].map(([name, shape]) => [name, shape.join()])));
}

test("every example has a test here", () => {
  expect(readdirSync(FOLDER).sort()).toEqual([
    "lora.mjs",
    "more-masks.mjs",
    "own-attention.mjs",
    "own-encoder.mjs",
    "relu.mjs",
    "windowless.mjs",
  ]);
});

test("another attention in block 3 changes that block and what follows", { timeout: 60_000 }, () => {
  const values = run("own-attention").lines.map((line) => line.split(" "));
  expect(values.map(([path, largest]) => [path, Number(largest) > 0])).toEqual([
    ...[0, 1, 2, 3, 4, 5].map((block) => [`image_encoder.blocks.${block}`, block >= 3]),
    ["mask_decoder.masks", true],
  ]);
});

test("ReLU for GELU in a block changes the mask; what is saved loads anywhere", { timeout: 60_000 }, () => {
  const { folder, lines } = run("relu");
  const [gelu, relu] = lines.map((line) => Number(/: (\d+) pixels$/.exec(line)?.[1]));
  expect(gelu).toBeGreaterThan(1000);
  expect(relu).toBeGreaterThan(1000);
  expect(relu).not.toBe(gelu);
  expectPlain(join(folder, "relu.safetensors"));
});

test("LoRA trains its own tensors alone, and merges to the same masks", { timeout: 100_000 }, () => {
  const { folder, lines } = run("lora", "4");
  const losses = lines.slice(0, 4).map((line) => Number(/loss (.*)$/.exec(line)?.[1]));
  expect(losses[3]).toBeLessThan(losses[0]);
  // Two adapters of two tensors in each of six blocks.
  expect(lines[4]).toBe("changed: 24 tensors, of them not LoRA's: 0");
  const share = Number(/by (\S+) of the largest/.exec(lines[5])?.[1]);
  expect(share).toBeLessThan(1e-5);
  expectPlain(join(folder, "merged.safetensors"));
});

test("other image encoders run behind the same interface", { timeout: 60_000 }, () => {
  expect(run("own-encoder").lines).toEqual([
    "TinyViT: 5736596 values in the encoder, logits 256 x 256",
    "own encoder: 57600 values in the encoder, logits 64 x 64",
  ]);
});

test("attention without windows looks at the whole grid", { timeout: 60_000 }, () => {
  expect(run("windowless").lines).toEqual([
    "scores of block 0, in windows: 24 x 64 x 64",
    "over the whole grid: 6 x 256 x 256",
  ]);
});

test("a decoder with one more mask token gives one more candidate", { timeout: 60_000 }, () => {
  const { lines } = run("more-masks");
  expect(lines[0]).toContain("mask_decoder.mask_tokens.weight");
  expect(lines[1]).toBe("candidates: 4");
});
