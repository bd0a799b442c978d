import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DATA, missing, seededVitB } from "./python.js";

/** Starts the built command line and says on standard error what it took. */
const MEASURED = `
  process.on("exit", () => console.error("peak " + process.resourceUsage().maxRSS));
  await import("./dist/cli/main.js");`;

describe.skipIf(missing() !== undefined)("memory of the whole process", () => {
  it("stays below 2.5 GB for ViT-B at 1024 on WASM", { timeout: 300_000 }, () => {
    const out = mkdtempSync(join(tmpdir(), "medsam-"));
    const command = [
      "segment",
      `${DATA}img_demo.png`,
      "--box",
      "95,255,190,350",
      "--checkpoint",
      seededVitB(),
    ];
    const args = ["--input-type=module", "-e", MEASURED, "--", ...command, "--backend", "wasm", "--out", out];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    rmSync(out, { recursive: true });
    expect(status, stderr).toBe(0);
    const peak = Number(/^peak (\d+)$/m.exec(stderr)?.[1]) * 1024;
    console.log(`peak ${(peak / 1e9).toFixed(2)} GB`);
    expect(peak).toBeGreaterThan(0.5e9);
    expect(peak).toBeLessThan(2.5e9);
  });
});
