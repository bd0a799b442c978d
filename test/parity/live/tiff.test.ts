import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeImage } from "../../../src/image/decode.js";
import { PYTHON, python } from "./python.js";

/** What `tiff_sweep.py` writes of a file. */
interface Reference {
  readonly shape: readonly number[];
  readonly sha256: string;
}

function missing(): string | undefined {
  if (PYTHON === undefined) return "MEDSAM_PYTHON is not set";
  try {
    execFileSync(PYTHON, ["-c", "import tifffile, imagecodecs"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "MEDSAM_PYTHON has not both of tifffile and imagecodecs";
  }
}
const reason = missing();
if (reason !== undefined) console.warn(`skipping TIFF against tifffile: ${reason}`);

describe.skipIf(reason !== undefined)("TIFFs of all kinds", () => {
  const folder = mkdtempSync(join(tmpdir(), "medsam-tiff-"));
  let references: Readonly<Record<string, Reference>>;

  beforeAll(() => {
    python("tiff_sweep.py", folder);
    references = JSON.parse(readFileSync(join(folder, "tiffs.json"), "utf8")) as typeof references;
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("order of bytes x kind x compression x predictor x layout x planes: tifffile's values, bit for bit", async () => {
    const wrong: string[] = [];
    for (const [name, { shape, sha256 }] of Object.entries(references)) {
      const { width, height, channels, data } = await decodeImage(readFileSync(join(folder, name)), name);
      const same = createHash("sha256").update(data).digest("hex") === sha256;
      const sizes = [height, width, ...(channels === 3 ? [3] : [])];
      if (!same || sizes.join() !== shape.join()) wrong.push(name);
    }
    expect(wrong).toEqual([]);
    expect(Object.keys(references).length).toBeGreaterThan(500);
  }, 120_000);
});
