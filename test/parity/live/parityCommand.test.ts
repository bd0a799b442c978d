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

  it("passes with the same weights on two backends, and writes a page", { timeout: 100_000 }, () => {
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

  it("fails with other weights, naming the first module", { timeout: 100_000 }, () => {
    // The package's own are the same, rounded to half precision.
    const { status, stdout } = medsam(["parity", "--reference", dump, "--backend", "wasm"]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/values depart; the first is image_encoder\.patch_embed\.proj:/);
  });

  it("refuses a checkpoint for a dump", () => {
    const { status, stderr } = medsam(["parity", "--reference", TINY_PTH, "--backend", "wasm"]);
    expect({ status, stderr }).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("is no reference dump") as string,
    });
  });
});
