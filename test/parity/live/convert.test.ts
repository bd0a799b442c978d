import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { convertCheckpoint } from "../../../src/weights/convert.node.js";
import { missing, python, PYTHON, seededMedSam2, seededVitB } from "./python.js";

/** Starts the built command line and says on standard error what it took. */
const MEASURED = `
  process.on("exit", () => console.error("peak " + process.resourceUsage().maxRSS));
  await import("./dist/cli/main.js");`;

/** Every tensor of both files has the same bytes, in PyTorch's eyes. */
const COMPARE = `
import sys, torch
from safetensors.torch import load_file
before = torch.load(sys.argv[1], map_location="cpu", weights_only=True)
after = load_file(sys.argv[2])
assert before.keys() == after.keys()
for name, tensor in before.items():
    assert tensor.dtype == after[name].dtype and tensor.shape == after[name].shape, name
    assert tensor.contiguous().view(torch.uint8).equal(after[name].view(torch.uint8)), name
print(len(after))`;

describe.skipIf(missing(false) !== undefined)("converting 375 MB", () => {
  it("stays below 1.2 GB, and PyTorch reads the same bytes back", { timeout: 300_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), "medsam-"));
    try {
      const [input, output] = [seededVitB(), join(folder, "vit_b.safetensors")];
      const args = ["--input-type=module", "-e", MEASURED, "--", "convert", input, output];
      const { status, stderr, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
      expect(status, stderr).toBe(0);
      expect(stdout).toContain("recognised: VIT_B\n  missing: none\n  unexpected: none");
      const peak = Number(/^peak (\d+)$/m.exec(stderr)?.[1]) * 1024;
      console.log(`peak ${(peak / 1e9).toFixed(2)} GB`);
      expect(peak).toBeGreaterThan(0.05e9);
      expect(peak).toBeLessThan(1.2e9);
      const compared = execFileSync(PYTHON!, ["-c", COMPARE, input, output], { encoding: "utf8" });
      expect(compared).toBe("314\n");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe.skipIf(missing(false) !== undefined)("MedSAM2's weights", () => {
  it("become transformers' and come back, and both load with strict=True", { timeout: 300_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), "medsam-"));
    try {
      const before = seededMedSam2();
      const [huggingFace, original] = ["hf", "original"].map((name) => join(folder, `${name}.safetensors`));
      convertCheckpoint(before, huggingFace, { names: "huggingface" });
      const { tensors, renamed } = convertCheckpoint(huggingFace, original);
      expect(tensors).toBe(471);
      expect(renamed).toContainEqual([
        "prompt_encoder.point_embed.weight",
        "sam_prompt_encoder.point_embeddings.0.weight",
      ]);
      const files = { before, original, huggingface: huggingFace };
      python("load_sam2.py", ...Object.entries(files).flatMap(([name, path]) => [`--${name}`, path]));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
