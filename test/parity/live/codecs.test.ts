import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readVolume } from "../../../src/volume/read.js";
import { typedBytes, type NumberKind } from "../../../src/volume/typedBytes.js";
import { encodeHtj2k } from "../../unit/volume/encoders.js";
import { encapsulated, IMAGE, makeDicom } from "../../unit/volume/makeDicom.js";
import { PYTHON, python } from "./python.js";

function missing(): string | undefined {
  if (PYTHON === undefined) return "MEDSAM_PYTHON is not set";
  try {
    execFileSync(PYTHON, ["-c", "import pydicom, openjpeg, jpeg_ls"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "MEDSAM_PYTHON has not all of pydicom, pylibjpeg-openjpeg and pyjpegls";
  }
}
const reason = missing();
if (reason !== undefined) console.warn(`skipping codecs against pydicom: ${reason}`);

/** HTJ2K, which no Python package writes: both signs of the file, and of the codestream. */
function writeHtj2k(folder: string): void {
  const [columns, rows] = [44, 40];
  for (const [allocated, stored] of [
    [8, 5],
    [8, 8],
    [16, 8],
    [16, 12],
    [16, 16],
  ] as const)
    // prettier-ignore
    for (const sign of [0, 1])
      for (const coded of [false, true]) {
        const codes = Array.from({ length: columns * rows }, (_, i) => (i * i * 7919 + i * 31) % 2 ** stored);
        const frame = encodeHtj2k({ columns, rows, samples: 1, bits: stored, codes }, coded);
        const image = {
          ...{ ...IMAGE, "00280010 US": [rows], "00280011 US": [columns], "00280100 US": [allocated] },
          ...{ "00280101 US": [stored], "00280102 US": [stored - 1], "00280103 US": [sign] },
          "7FE00010 OW": undefined,
        };
        const file = makeDicom(image, "1.2.840.10008.1.2.4.201", encapsulated([frame]));
        writeFileSync(join(folder, `htj2k-${sign}-${stored}of${allocated}-${coded}.dcm`), file);
      }
}

/** Codecs, with the number of their files: depths, signs and layouts of fragments, and colours of 8 and 16 bits. */
const CODECS: readonly (readonly [codec: string, files: number])[] = [["raw", 42], ["rle", 38], ["jls", 82], ["j2k", 82], ["htj2k", 20]]; // prettier-ignore

describe.skipIf(reason !== undefined)("every depth, sign and layout of fragments as pydicom reads it", () => {
  const folder = mkdtempSync(join(tmpdir(), "medsam-codecs-"));
  let references: Readonly<Record<string, { readonly dtype: NumberKind }>>;
  const out = join(folder, "read");

  beforeAll(() => {
    python("sweep_dicom.py", folder);
    writeHtj2k(folder);
    const files = readdirSync(folder).map((name) => join(folder, name));
    python("read_volumes.py", out, ...files);
    references = JSON.parse(readFileSync(join(out, "volumes.json"), "utf8")) as typeof references;
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(CODECS)("%s", async (codec, files) => {
    const own = Object.entries(references).filter(([name]) => name.startsWith(`${codec}-`));
    expect(own).toHaveLength(files);
    const wrong: string[] = [];
    for (const [name, { dtype }] of own) {
      const { data } = await readVolume(new Uint8Array(readFileSync(join(folder, name))), name);
      const expected = typedBytes(readFileSync(join(out, `${name}.bin`)), dtype, true, name);
      if (data.length !== expected.length || data.some((value, i) => value !== expected[i])) wrong.push(name);
    }
    expect(wrong).toEqual([]);
  });
});
