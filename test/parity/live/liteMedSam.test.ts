import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readImageFile } from "../../../src/image/decode.node.js";
import { openCheckpointFile } from "../../../src/weights/open.node.js";
import { toFloat32 } from "../../../src/weights/numbers.js";
import { medsam } from "../../e2e/medsam.js";
import { DATA, missing, python, PYTHON } from "./python.js";

const BOX = "95,255,190,350";

/** Whether the package with the encoder's code is there, which CI installs. */
function hasTinyVit(): boolean {
  try {
    execFileSync(PYTHON!, ["-c", "import importlib.util as u; assert u.find_spec('segment_anything_hq')"]);
    return true;
  } catch {
    console.warn("skipping live parity of LiteMedSAM: segment-anything-hq is not installed");
    return false;
  }
}

describe.skipIf(missing() !== undefined || !hasTinyVit())("LiteMedSAM beside PyTorch", () => {
  let folder: string;
  let checkpoint: string;
  let dump: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "medsam-lite-"));
    [checkpoint, dump] = ["lite_medsam.pth", "dump.safetensors"].map((name) => join(folder, name));
    python("lite_medsam.py"); // its printed numbers
    python("lite_medsam.py", "--seeded-weights", checkpoint);
    const image = ["--image", `${DATA}img_demo.png`, "--box", BOX];
    python("reference.py", "--checkpoint", checkpoint, ...image, "--out", dump);
  }, 200_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("gives PyTorch's numbers, module by module", { timeout: 300_000 }, () => {
    const { status, stdout, stderr } = medsam(
      ["parity", "--reference", dump, "--checkpoint", checkpoint, "--backend", "wasm", "--json"],
      folder,
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const { results } = JSON.parse(stdout) as { results: { wasm: { rows: { name: string }[] } } };
    const names = results.wasm.rows.map(({ name }) => name);
    for (const block of ["1.blocks.1.attn", "2.blocks.5.local_conv", "3.blocks.1.mlp", "2.downsample"])
      expect(names).toContain(`image_encoder.layers.${block}`);
    expect(names).toContain("expected.maps");
  });

  it("segments from the .pth alone, with PyTorch's mask", { timeout: 300_000 }, async () => {
    const args = ["--checkpoint", checkpoint, "--box", BOX, "--backend", "wasm", "--out", folder, "--json"];
    const { status, stderr } = medsam(["segment", `${DATA}img_demo.png`, ...args]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const mask = await readImageFile(join(folder, "img_demo_mask.png"));
    const file = openCheckpointFile(dump);
    const maps = toFloat32(file.readBytes("expected.maps"), "F32");
    file.close();
    expect(maps.length).toBe(mask.width * mask.height);
    // Where PyTorch's probability is not at the threshold to rounding.
    const different = maps.filter(
      (value, n) => Math.abs(value - 0.5) > 1e-5 && value > 0.5 !== mask.data[n] > 0,
    );
    expect(different.length).toBe(0);
    expect(maps.filter((value) => value > 0.5).length).toBeGreaterThan(1000);
  });
});
