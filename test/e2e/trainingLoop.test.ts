import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EMBEDDED_CHECKPOINT } from "../../src/loadMedSam.node.js";
import { toFloat32 } from "../../src/weights/numbers.js";
import { openCheckpointFile } from "../../src/weights/open.node.js";
import { ENV, ROOT, temporaryFolder } from "./medsam.js";

test("the training loop of one's own trains the decoder, and only that", () => {
  const folder = temporaryFolder();
  const script = join(ROOT, "examples", "training-loop", "loop.mjs");
  const run = spawnSync(process.execPath, [script, "20"], { cwd: folder, env: ENV, encoding: "utf8" });
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
