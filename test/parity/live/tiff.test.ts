import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeImage } from "../../../src/image/decode.js";
import { fileWorks } from "../../fileWorks.js";
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

  const differing = async (names: readonly string[]) => {
    const wrong: string[] = [];
    for (const name of names) {
      const { shape, sha256 } = references[name];
      const { width, height, channels, data } = await decodeImage(readFileSync(join(folder, name)), name);
      const same = createHash("sha256").update(data).digest("hex") === sha256;
      const sizes = [height, width, ...(channels === 3 ? [3] : [])];
      if (!same || sizes.join() !== shape.join()) wrong.push(name);
    }
    return wrong;
  };
  const isJpeg = (name: string) => name.startsWith("jpeg");

  test("order of bytes x kind x compression x predictor x layout x planes: tifffile's values, bit for bit", async () => {
    const names = Object.keys(references).filter((name) => !isJpeg(name));
    expect(await differing(names)).toEqual([]);
    expect(names.length).toBeGreaterThan(500);
  }, 120_000);

  fileWorks(
    {
      format: "TIFF",
      from: "tifffile, slide scanners",
      habit: "JPEG within TIFF: grey, RGB, or YCbCr with any subsampling, in strips or tiles",
      result: "the pixels that tifffile reads, bit for bit",
    },
    async () => {
      const names = Object.keys(references).filter(isJpeg);
      expect(await differing(names)).toEqual([]);
      expect(names.length).toBeGreaterThan(9);
    },
    { timeout: 120_000 },
  );
});
