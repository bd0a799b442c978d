import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Affine } from "../../../src/volume/affine.js";
import { metaImageLabelBytes } from "../../../src/volume/metaImageWrite.js";
import { nrrdLabelBytes } from "../../../src/volume/nrrdWrite.js";
import { readVolumeFile } from "../../../src/volume/read.node.js";
import { missing, PYTHON, python } from "./python.js";

/** What `itk_volumes.py` says of a file. */
interface Reference {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly affine: readonly (readonly number[])[];
  readonly sha256: string;
  readonly header?: Readonly<Record<string, string>>;
}

function without(): string | undefined {
  if (missing(false) !== undefined) return "no Python";
  try {
    execFileSync(PYTHON!, ["-c", "import SimpleITK, nrrd"], { stdio: "ignore" });
    return undefined;
  } catch {
    console.warn("skipping NRRD and MetaImage: MEDSAM_PYTHON has not both SimpleITK and pynrrd");
    return "no SimpleITK";
  }
}

const KINDS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"];
const FILES = [
  ...["nrrd", "mha"].flatMap((ending) => [
    ...KINDS.flatMap((kind) => [`${kind}_raw.${ending}`, `${kind}_packed.${ending}`]),
    `colours.${ending}`,
  ]),
  ...["nhdr", "mhd"].flatMap((ending) => [`beside_raw.${ending}`, `beside_packed.${ending}`]),
  ...["left-posterior-superior", "right-anterior-superior", "RAS", "big"].map((name) => `pynrrd_${name}.nrrd`), // prettier-ignore
  ...["raw", "gzip", "ascii"].map((encoding) => `pynrrd_${encoding}.nhdr`),
];

const sha256 = (data: NodeJS.ArrayBufferView) => createHash("sha256").update(data).digest("hex");

describe.skipIf(without() !== undefined)("NRRD and MetaImage beside SimpleITK", () => {
  const folder = mkdtempSync(join(tmpdir(), "medsam-itk-"));
  const answers = () => JSON.parse(readFileSync(join(folder, "volumes.json"), "utf8")) as Readonly<Record<string, Reference>>; // prettier-ignore
  let references: Readonly<Record<string, Reference>>;
  beforeAll(() => {
    python("itk_volumes.py", "make", folder);
    references = answers();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("all files that the script writes are read below", () => {
    expect(Object.keys(references).sort()).toEqual([...FILES].sort());
  });

  test.each(FILES)("%s: the same values in the same place", async (file) => {
    const { shape, dtype, affine, sha256: expected } = references[file];
    const { size, channels, data, affine: own, warnings } = await readVolumeFile(join(folder, file));
    expect([...size].reverse()).toEqual(shape.slice(0, 3));
    expect(channels).toBe(shape[3] ?? 1);
    expect(data.constructor.name.toLowerCase()).toBe(`${dtype}array`);
    expect(sha256(data)).toBe(expected);
    expect(warnings).toEqual([]);
    affine.flat().forEach((value, i) => expect(own!.flat()[i]).toBeCloseTo(value, 9));
  });

  test("labels that are written here are read there as they are, with names of segments", () => {
    const affine: Affine = [[-0.7, 0.1, 0.2, 11], [0.05, -0.8, 0.3, -20], [0.1, 0.2, 2.5, 33]]; // prettier-ignore
    const data = Uint16Array.from({ length: 6 * 5 * 4 }, (_, i) => (i % 7 === 0 ? 300 : i % 3));
    const labels = { size: [6, 5, 4], affine, data } as const;
    const segments = [1, 2, 300].map((label) => ({ label, name: `Object ${label}` }));
    const files = {
      "own.seg.nrrd": nrrdLabelBytes(labels, segments),
      "own.mha": metaImageLabelBytes(labels),
    };
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
    python("itk_volumes.py", "read", folder, ...Object.keys(files).map((name) => join(folder, name)));
    const read = answers();
    for (const name of Object.keys(files)) {
      expect(read[name]).toMatchObject({ shape: [4, 5, 6], dtype: "uint16", sha256: sha256(data) });
      // ITK makes directions of length 1 and keeps the spacing, which a shear survives to single precision.
      affine.flat().forEach((value, i) => expect(read[name].affine.flat()[i]).toBeCloseTo(value, 6));
    }
    const { Segment2_Name, Segment2_LabelValue, Segment0_Extent } = read["own.seg.nrrd"].header!;
    expect([Segment2_Name, Segment2_LabelValue]).toEqual(["Object 300", "300"]);
    expect(Segment0_Extent).toBe("1 4 0 4 0 3");
  });
});
