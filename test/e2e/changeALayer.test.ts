import { cpSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TINY } from "../../src/model/config.js";
import { parameterShapes } from "../../src/model/parameterShapes.js";
import { checkpointParameters } from "../../src/weights/paramScope.js";
import { openCheckpointFile } from "../../src/weights/open.node.js";
import { textOf } from "./docPages.js";
import { installIn, ROOT, runTypeScript, temporaryFolder } from "./medsam.js";

const FOLDER = join(ROOT, "examples", "change-a-layer");

/** Runs an example as a reader does, in a folder that has the sample; what it writes stays there. */
function run(
  name: string,
  edit = (program: string) => program,
): { readonly folder: string; readonly lines: string[] } {
  const folder = temporaryFolder();
  installIn(folder);
  cpSync(join(ROOT, "examples", "sample"), join(folder, "examples", "sample"), { recursive: true });
  const { status, stdout, stderr } = runTypeScript(
    edit(readFileSync(join(FOLDER, `${name}.ts`), "utf8")),
    folder,
  );
  expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
  return { folder, lines: stdout.trim().split("\n") };
}

/** The guide says that this is printed. */
const expectOnPage = (lines: readonly string[]) =>
  expect(textOf("docs/change-a-layer.md")).toContain(["", ...lines, "```"].join("\n"));

/** A checkpoint with the tensors of the small configuration and no others. */
function expectPlain(path: string): void {
  const file = openCheckpointFile(path);
  const shapes = new Map([...file.tensors].map(([name, { shape }]) => [name, shape.join()]));
  file.close();
  expect(shapes).toEqual(new Map([...parameterShapes(TINY)].map(([name, shape]) => [name, shape.join()])));
}

test("every example has a test here", () => {
  expect(readdirSync(FOLDER).sort()).toEqual([
    "lora.ts",
    "more-masks.ts",
    "own-attention.ts",
    "own-encoder.ts",
    "relu.ts",
    "temperature.ts",
    "windowless.ts",
  ]);
});

test("another attention in block 3 changes that block and what follows", { timeout: 60_000 }, () => {
  const { lines } = run("own-attention");
  expectOnPage(lines);
  const values = lines.map((line) => line.split(" "));
  expect(values.map(([path, largest]) => [path, Number(largest) > 0])).toEqual([
    ...[0, 1, 2, 3, 4, 5].map((block) => [`image_encoder.blocks.${block}`, block >= 3]),
    ["mask_decoder.masks", true],
  ]);
});

test(
  "a parameter of one's own trains, alone, from its initial value, and is saved",
  { timeout: 100_000 },
  () => {
    // All ten steps are run by install.test.ts.
    const { folder, lines } = run("temperature", (program) => program.replace("step <= 10", "step <= 2"));
    expect(lines).toHaveLength(2);
    const [path, ...values] = lines[1].split(" ");
    expect(path).toBe("image_encoder.blocks.3.attn.temperature");
    expect(values).toHaveLength(6);
    // Loaded as the guide says.
    const [building] = readFileSync(join(FOLDER, "temperature.ts"), "utf8").split("const parameters =");
    const reloading = building
      .replace("medsam.EMBEDDED_CHECKPOINT", '"tempered.safetensors"')
      .replace(
        "loadMedSam()",
        'loadMedSam("tempered.safetensors", { config: medsam.TINY, allowIncomplete: true })',
      );
    const show = "for (const value of block.attn.temperature.toTorch()) console.log(value.toFixed(2));";
    expect(
      runTypeScript(reloading + show, folder)
        .stdout.trim()
        .split("\n"),
    ).toEqual(values);
    for (const value of values) expect(Math.abs(Number(value) - 1)).toBeCloseTo(0.1, 1);
    const file = openCheckpointFile(join(folder, "tempered.safetensors"));
    const saved = checkpointParameters(file).at("image_encoder.blocks.3.attn");
    const again = saved.get("temperature", [6, 1, 1], 1);
    expect([...again.toTorch()].map((value) => value.toFixed(2))).toEqual(values);
    // Another shape, or what the file has not, is refused where that is asked for.
    const strict = checkpointParameters(file, { strict: true }).at("image_encoder.blocks.3.attn");
    expect(() => strict.get("temperature", [6], 1)).toThrow(
      "tempered.safetensors: image_encoder.blocks.3.attn.temperature is [6,1,1]; expected [6]",
    );
    expect(() => strict.get("offset", [6], 0)).toThrow("image_encoder.blocks.3.attn.offset is missing");
    again.dispose();
    file.close();
  },
);

test("ReLU for GELU in a block changes the mask; what is saved loads anywhere", { timeout: 60_000 }, () => {
  const { folder, lines } = run("relu");
  const [gelu, relu] = lines.map((line) => Number(/: (\d+) pixels$/.exec(line)?.[1]));
  expect(gelu).toBeGreaterThan(1000);
  expect(relu).toBeGreaterThan(1000);
  expect(relu).not.toBe(gelu);
  expectPlain(join(folder, "relu.safetensors"));
});

test("LoRA trains its own tensors alone, and merges to the same masks", { timeout: 100_000 }, () => {
  const { folder, lines } = run("lora", (program) => program.replace("step <= 10", "step <= 4"));
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
