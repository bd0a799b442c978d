import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { axisCodes } from "../../../src/volume/affine.js";
import { readVolume } from "../../../src/volume/read.js";
import { realValues } from "../../../src/volume/values.js";
import type { Volume } from "../../../src/volume/volume.js";
import { DATA, PYTHON, python } from "./python.js";

/** What `read_volumes.py` writes of a file. */
interface Reference {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly sha256: string;
  readonly spacing: readonly number[];
  readonly scaling: readonly [slope: number, intercept: number];
  /** Only of NIfTI. */
  readonly axes?: string;
  readonly affine?: readonly (readonly number[])[];
  /** Checksum of the RGB picture that a palette makes. */
  readonly colours?: string;
}

/** Lossy, so that decoders differ: by so much at most. */
const WITHIN: Readonly<Record<string, number>> = { "JPGExtended.dcm": 1, "examples_ybr_color.dcm": 3 };
const REFUSED = ["MR_truncated.dcm", "no_meta.dcm", "rtstruct.dcm"];

function missing(): string | undefined {
  if (PYTHON === undefined) return "MEDSAM_PYTHON is not set";
  if (!existsSync(DATA)) return "the sample files are not there";
  try {
    execFileSync(PYTHON, ["-c", "import pydicom, nibabel, libjpeg, openjpeg"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "MEDSAM_PYTHON has not all of pydicom, nibabel, pylibjpeg-libjpeg and pylibjpeg-openjpeg";
  }
}
const reason = missing();
if (reason !== undefined) console.warn(`skipping volumes against pydicom and nibabel: ${reason}`);

const sha256 = (data: NodeJS.ArrayBufferView) => createHash("sha256").update(data).digest("hex");

/** Sizes as NumPy's shape has them, without those of 1, which the libraries treat differently. */
function shapeOf({ size: [columns, rows, slices], frames, channels }: Volume): number[] {
  return [frames, slices, rows, columns, channels].filter((side) => side > 1);
}

describe.skipIf(reason !== undefined)("stored values equal pydicom's and nibabel's, voxel by voxel", () => {
  const folder = mkdtempSync(join(tmpdir(), "medsam-volumes-"));
  const files = ["dicom", "faults/dicom", "dicom-series", "nifti", "faults/nifti"].flatMap((part) =>
    readdirSync(join(DATA, part))
      .filter((name) => !REFUSED.includes(name))
      .map((name) => join(part, name)),
  );
  let references: Readonly<Record<string, Reference>>;

  beforeAll(() => {
    python("read_volumes.py", folder, ...files.map((file) => join(DATA, file)));
    references = JSON.parse(readFileSync(join(folder, "volumes.json"), "utf8")) as typeof references;
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(files)("%s", async (file) => {
    const name = file.replace(/.*\//, "");
    const reference = references[name];
    const volume = await readVolume(new Uint8Array(readFileSync(join(DATA, file))), name);
    expect(volume.data.constructor.name.toLowerCase()).toBe(`${reference.dtype}array`);
    expect(shapeOf(volume)).toEqual(reference.shape.filter((side) => side > 1));
    expect([volume.slope, volume.intercept]).toEqual(reference.scaling);

    const within = WITHIN[name] ?? 0;
    if (within === 0) expect(sha256(volume.data)).toBe(reference.sha256);
    else {
      const bytes = new Uint8Array(readFileSync(join(folder, `${name}.bin`)));
      const expected = reference.dtype === "uint16" ? new Uint16Array(bytes.buffer) : bytes;
      let largest = 0;
      for (const [i, value] of expected.entries())
        largest = Math.max(largest, Math.abs(value - volume.data[i]));
      expect(expected.length).toBe(volume.data.length);
      expect(largest).toBeLessThanOrEqual(within);
      console.log(`${name}: largest difference ${largest}`);
    }
    if (reference.colours !== undefined) expect(sha256(realValues(volume).data)).toBe(reference.colours);

    const { affine, axes, spacing } = reference;
    if (affine === undefined) {
      if (spacing.length > 0 && !spacing.includes(0))
        expect(volume.pixelSpacing).toEqual([spacing[1], spacing[0]]);
      return;
    }
    expect([...volume.pixelSpacing!, volume.sliceSpacing]).toEqual(spacing.slice(0, 3));
    expect(axisCodes(volume.affine!)).toBe(axes);
    affine.flat().forEach((value, i) => expect(volume.affine!.flat()[i]).toBeCloseTo(value, 5));
  });
});
