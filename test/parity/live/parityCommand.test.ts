import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { medsam } from "../../e2e/medsam.js";
import { DATA, missing, python, TINY_PTH } from "./python.js";

interface Document {
  readonly results: Readonly<Record<string, { rows: { name: string; ok: boolean; relative: number }[] }>>;
}

// The command line is the built one.
describe.skipIf(missing() !== undefined)("medsam parity with what PyTorch recorded", () => {
  let folder: string;
  let dump: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "medsam-parity-"));
    dump = join(folder, "dump.safetensors");
    const image = ["--image", `${DATA}img_demo.png`, "--box", "95,255,190,350"];
    python("reference.py", "--checkpoint", TINY_PTH, ...image, "--out", dump);
  }, 100_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("passes with the same weights on two backends, and writes a page", { timeout: 300_000 }, () => {
    const report = join(folder, "parity.html");
    const files = ["--reference", dump, "--checkpoint", TINY_PTH, "--report", report];
    const { status, stdout } = medsam(["parity", ...files, "--backend", "wasm", "cpu", "--json"]);
    expect(status).toBe(0);
    const { results } = JSON.parse(stdout) as Document;
    expect(Object.keys(results)).toEqual(["wasm", "cpu"]);
    for (const { rows } of Object.values(results)) {
      expect(rows.length).toBeGreaterThan(140);
      expect(rows.every(({ ok }) => ok)).toBe(true);
      expect(rows[0]).toMatchObject({ name: "input.image", relative: 0 });
      expect(rows.at(-1)).toMatchObject({ name: "expected.maps" });
    }
    const page = readFileSync(report, "utf8");
    expect(page).toContain("wasm: all");
    expect(page).toContain("image_encoder.blocks.5.attn");
    expect(page).not.toContain(folder);
  });

  it("fails with other weights, naming the first module", { timeout: 300_000 }, () => {
    // The package's own are the same, rounded to half precision.
    const { status, stdout } = medsam([
      "parity",
      "--reference",
      dump,
      "--backend",
      "wasm",
      "--report",
      join(folder, "p.html"),
    ]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/values depart; the first is image_encoder\.patch_embed\.proj:/);
  });

  it.each([
    ["weight", "image_encoder.blocks.1.mlp"],
    ["rel-pos", "image_encoder.blocks.1.attn"],
  ])(
    "fails with the module named where the weights are changed: %s",
    { timeout: 300_000 },
    (mutation, module) => {
      const changed = join(folder, `${mutation}.pth`);
      python("record_mutant.py", mutation, "--checkpoint", TINY_PTH, "--out", changed);
      const files = ["--reference", dump, "--checkpoint", changed, "--report", join(folder, "mutant.html")];
      const { status, stdout } = medsam(["parity", ...files, "--backend", "wasm"]);
      expect(status).toBe(1);
      expect(/the first is (\S+):/.exec(stdout)?.[1]).toBe(module);
      expect(readFileSync(join(folder, "mutant.html"), "utf8")).toContain(`departs, first in ${module}`);
    },
  );

  it.each([
    ["gelu-tanh", "image_encoder.blocks.0.mlp"],
    ["padding-mask", "image_encoder.blocks.0.attn"],
  ])(
    "fails with the module named where PyTorch's code is changed: %s",
    { timeout: 300_000 },
    (mutation, module) => {
      // The checkpoint in the package has windows that fit its grid.
      const padded = join(folder, "padded.pth");
      python("record_mutant.py", "padded", "--out", padded);
      const image = ["--image", `${DATA}img_demo.png`, "--box", "95,255,190,350"];
      const parity = (recording: string) => {
        const files = [
          "--reference",
          recording,
          "--checkpoint",
          padded,
          "--report",
          join(folder, "mutant.html"),
        ];
        return medsam(["parity", ...files, "--backend", "wasm"]);
      };
      const plain = join(folder, "padded.safetensors");
      python("reference.py", "--checkpoint", padded, ...image, "--out", plain);
      expect(parity(plain).status).toBe(0);

      const mutant = join(folder, `${mutation}.safetensors`);
      python("record_mutant.py", mutation, "--checkpoint", padded, ...image, "--out", mutant);
      const { status, stdout } = parity(mutant);
      expect(status).toBe(1);
      expect(/the first is (\S+):/.exec(stdout)?.[1]).toBe(module);
    },
  );

  it("compares gradients and ten steps of AdamW where they are recorded", { timeout: 300_000 }, () => {
    const trained = join(folder, "trained.safetensors");
    const image = ["--image", `${DATA}img_demo.png`, "--box", "95,255,190,350", "--train", "decoder"];
    python("reference.py", "--checkpoint", TINY_PTH, ...image, "--out", trained);
    const files = [
      "--reference",
      trained,
      "--checkpoint",
      TINY_PTH,
      "--report",
      join(folder, "trained.html"),
    ];
    const { status, stdout, stderr } = medsam(["parity", ...files, "--backend", "wasm", "--json"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const names = (JSON.parse(stdout) as Document).results["wasm"].rows.map(({ name }) => name);
    expect(names.filter((name) => name.startsWith("grad.")).length).toBeGreaterThan(100);
    expect(names).toContain("train.losses");
    expect(names.filter((name) => name.startsWith("after.")).length).toBeGreaterThan(100);
    // Its gradient is zero, so where it goes says nothing.
    expect(names).not.toContain("after.mask_decoder.transformer.layers.0.self_attn.k_proj.bias");
  });

  it("refuses a checkpoint for a dump", () => {
    const { status, stderr } = medsam(["parity", "--reference", TINY_PTH, "--backend", "wasm"]);
    expect({ status, stderr }).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("is no reference dump") as string,
    });
  });
});
