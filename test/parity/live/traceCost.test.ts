import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../e2e/medsam.js";
import { FORWARD } from "../backends.js";
import { DATA, missing, seededVitB } from "./python.js";

const NATIVE = FORWARD.includes("tensorflow");
if (!NATIVE) console.warn("skipping the cost of a trace: it needs the tensorflow backend");

interface Measured {
  readonly tapped: number;
  readonly ratio: number;
}

// The command line is the built one.
describe.skipIf(!NATIVE || missing() !== undefined)("a trace of ViT-B's twelve blocks", () => {
  it("takes at most a fifth more time than none, on tensorflow", { timeout: 900_000 }, () => {
    const script = join(ROOT, "bench", "traceCost.mjs");
    const printed = execFileSync(
      process.execPath,
      [script, "tensorflow", seededVitB(), `${DATA}img_demo.png`],
      { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
    );
    console.log(printed);
    const { tapped, ratio } = JSON.parse(printed.trim().split("\n").at(-1) ?? "") as Measured;
    expect(tapped).toBe(12);
    expect(ratio).toBeLessThanOrEqual(1.2);
  });
});
