import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { transform } from "../../../src/volume/affine.js";
import { readDicomSeg } from "../../../src/volume/dicomSegRead.js";
import { dicomSegBytes } from "../../../src/volume/dicomSegWrite.js";
import { openDicomSeries } from "../../../src/volume/dicomSeries.js";
import { dicomVolume } from "../../../src/volume/dicomVolume.js";
import { gridOf } from "../../../src/volume/labels.js";
import { niftiLabelBytes } from "../../../src/volume/niftiWrite.js";
import { readVolume } from "../../../src/volume/read.js";
import { readVolumeFile } from "../../../src/volume/read.node.js";
import type { Grid, LabelVolume } from "../../../src/volume/volume.js";
import { fileWorks } from "../../fileWorks.js";
import { DATA, PYTHON, python } from "./python.js";

interface ReadNifti {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly affine: readonly (readonly number[])[];
  readonly zooms: readonly number[];
  readonly codes: readonly [qform: number, sform: number];
  readonly sha256: string;
  readonly centre: readonly number[];
}

interface ReadSegmentation {
  readonly sha256: string;
  readonly segments: readonly string[];
  readonly patient: boolean;
  readonly series: boolean;
  readonly spacing: readonly number[];
  readonly centre: readonly number[];
}

function missing(): string | undefined {
  if (PYTHON === undefined) return "MEDSAM_PYTHON is not set";
  if (!existsSync(DATA)) return "the sample files are not there";
  try {
    execFileSync(PYTHON, ["-c", "import highdicom, nibabel"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "MEDSAM_PYTHON has not both of highdicom and nibabel";
  }
}
const reason = missing();
if (reason !== undefined) console.warn(`skipping label volumes against nibabel and highdicom: ${reason}`);

const sha256 = ({ data }: LabelVolume) => createHash("sha256").update(Uint16Array.from(data)).digest("hex");

/** A block of label 1 in the corner of low indices, and one of label 2, smaller, along the columns. */
function asymmetric(grid: Grid): LabelVolume {
  const [width, height, depth] = grid.size;
  const data = new Uint8Array(width * height * depth);
  for (let z = 0, i = 0; z < depth; z++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++) {
        if (x < width / 4 && y < height / 3 && z <= depth / 3) data[i] = 1;
        else if (x > width / 2 && y === 0 && z === 0) data[i] = 2;
      }
  return { ...gridOf(grid), data };
}

/** Where the labelled voxels are in the patient, on average. */
function centreOf({ size: [width, height], data, affine }: LabelVolume): number[] {
  const sum = [0, 0, 0];
  let count = 0;
  for (let i = 0; i < data.length; i++) {
    if (data[i] === 0) continue;
    const at = transform(affine!, [
      i % width,
      Math.floor(i / width) % height,
      Math.floor(i / (width * height)),
    ]);
    at.forEach((place, axis) => (sum[axis] += place));
    count++;
  }
  return sum.map((total) => total / count);
}

describe.skipIf(reason !== undefined)("label volumes lie where their source does", () => {
  const folder = mkdtempSync(join(tmpdir(), "medsam-geometry-"));
  const volumes = existsSync(DATA) ? readdirSync(join(DATA, "nifti")) : [];
  const series = existsSync(DATA) ? readdirSync(join(DATA, "dicom-series")) : [];
  const paths = series.map((name) => join(DATA, "dicom-series", name));
  const labels = new Map<string, LabelVolume>();
  let read: Readonly<Record<string, ReadNifti & ReadSegmentation>>;

  const open = () =>
    openDicomSeries(paths.map((name) => ({ name, bytes: new Uint8Array(readFileSync(name)) })))[0].images;

  beforeAll(async () => {
    for (const name of volumes) {
      const source = await readVolume(new Uint8Array(readFileSync(join(DATA, "nifti", name))), name);
      labels.set(name, asymmetric(source));
      writeFileSync(join(folder, name), niftiLabelBytes(labels.get(name)!, name));
    }
    const head = asymmetric(await dicomVolume(open(), "head"));
    labels.set("head.nii.gz", head).set("head.dcm", head);
    writeFileSync(join(folder, "head.nii.gz"), niftiLabelBytes(head, "head.nii.gz"));
    const segments = [{ label: 1, name: "block" }, { label: 2, name: "line" }]; // prettier-ignore
    const bytes = await dicomSegBytes(head, open(), { segments, algorithm: "test", version: "1" });
    writeFileSync(join(folder, "head.dcm"), bytes);
    python("geometry.py", "read", folder, ...paths);
    read = JSON.parse(readFileSync(join(folder, "read.json"), "utf8")) as typeof read;
    python("geometry.py", "write", folder, ...paths);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each([...volumes, "head.nii.gz"])("%s in nibabel", (name) => {
    const found = read[name];
    const written = labels.get(name)!;
    expect(found.shape).toEqual(written.size);
    expect(found.dtype).toBe("uint8");
    expect(found.sha256).toBe(sha256(written));
    found.affine.flat().forEach((value, i) => expect(value).toBeCloseTo(written.affine!.flat()[i], 4));
    const spacing = [...written.pixelSpacing!, written.sliceSpacing!];
    found.zooms.forEach((side, i) => expect(side).toBeCloseTo(spacing[i], 4));
    const { nifti } = written;
    expect(found.codes).toEqual(nifti ? [nifti.qform.code, nifti.sform.code] : [0, 1]);
    found.centre.forEach((place, i) => expect(place).toBeCloseTo(centreOf(written)[i], 2));
  });

  test("a segmentation in highdicom", () => {
    const { sha256: hash, segments, patient, series: sameSeries, spacing, centre } = read["head.dcm"];
    const written = labels.get("head.dcm")!;
    expect({ hash, segments, patient, sameSeries }).toEqual({
      ...{ hash: sha256(written), segments: ["block", "line"], patient: true, sameSeries: true },
    });
    // highdicom has slices first.
    const expected = [written.sliceSpacing!, ...[...written.pixelSpacing!].reverse()];
    spacing.forEach((side, i) => expect(side).toBeCloseTo(expected[i], 4));
    centre.forEach((place, i) => expect(place).toBeCloseTo(centreOf(written)[i], 2));
  });

  fileWorks(
    {
      format: "DICOM",
      from: "highdicom",
      habit: "a segmentation (SEG) with frames only where something is labelled",
      result: "labels with the segments' names, on the image's voxels",
    },
    async () => {
      const volume = await dicomVolume(open(), "head");
      const bytes = new Uint8Array(readFileSync(join(folder, "highdicom.dcm")));
      const truth = await readDicomSeg(bytes, volume, "highdicom.dcm");
      expect(truth.segments.map(({ name }) => name)).toEqual(["first", "second"]);
      const written = JSON.parse(readFileSync(join(folder, "written.json"), "utf8")) as { sha256: string };
      expect(sha256(truth.labels)).toBe(written.sha256);
    },
  );

  test("spacing from highdicom's functional groups", async () => {
    const volume = await readVolumeFile(join(folder, "highdicom.dcm"));
    expect(volume.pixelSpacing).toEqual([0.41015625, 0.41015625]);
    expect(volume.sliceSpacing).toBeCloseTo(1.5, 4);
    expect(volume.size).toEqual([512, 512, 5]); // the slices that have labels
    const source = await dicomVolume(open(), "head");
    const second = transform(source.affine!, [0, 0, 1]);
    transform(volume.affine!, [0, 0, 0]).forEach((place, i) => expect(place).toBeCloseTo(second[i], 3));
  });
});
