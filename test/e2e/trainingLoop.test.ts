import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EMBEDDED_CHECKPOINT } from "../../src/loadMedSam.node.js";
import { toFloat32 } from "../../src/weights/numbers.js";
import { openCheckpointFile } from "../../src/weights/open.node.js";
import { installIn, ROOT, runTypeScript, temporaryFolder } from "./medsam.js";

test("the training loop of one's own trains the decoder, and only that", () => {
  const folder = temporaryFolder();
  const loop = readFileSync(join(ROOT, "examples", "training-loop", "loop.ts"), "utf8");
  installIn(folder);
  const run = runTypeScript(loop.replace("const STEPS = 200;", "const STEPS = 20;"), folder);
  expect(run).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^step 20: loss 0\.\d{4}\n$/) as string,
  });

  const before = openCheckpointFile(EMBEDDED_CHECKPOINT);
  const after = openCheckpointFile(join(folder, "rings.safetensors"));
  expect([...after.tensors.keys()].sort()).toEqual([...before.tensors.keys()].sort());
  const isSame = (name: string) => {
    const values = [before, after].map((file) =>
      toFloat32(file.readBytes(name), file.tensors.get(name)?.dtype ?? "F32"),
    );
    return values[0].every((value, i) => value === values[1][i]);
  };
  for (const name of after.tensors.keys())
    if (!name.startsWith("mask_decoder.")) expect(isSame(name), name).toBe(true);
  expect(isSame("mask_decoder.mask_tokens.weight")).toBe(false);
  before.close();
  after.close();
});
