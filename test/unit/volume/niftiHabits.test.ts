import fc from "fast-check";
import { gzipSync } from "fflate";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FULL_RANGE, intensityPreset } from "../../../src/image/intensity.js";
import { eightBitVolume } from "../../../src/volume/eightBit.js";
import { assertSameGeometry } from "../../../src/volume/labels.js";
import { readNifti, readNiftiLabels } from "../../../src/volume/nifti.js";
import { niftiLabelBytes } from "../../../src/volume/niftiWrite.js";
import { readLabelVolumeFile, readVolumeFile } from "../../../src/volume/read.node.js";
import { readVolume } from "../../../src/volume/read.js";
import { realValues, volumeSlice } from "../../../src/volume/values.js";
import { spacingOf } from "../../../src/volume/volume.js";
import { fileWorks } from "../../fileWorks.js";
import { expectSafe } from "./damage.js";
import { makeNifti, type NiftiParts } from "./makeNifti.js";

/** 2 x 3 x 4 voxels of 0, 1, 2, ... */
const bytes = (parts: Partial<NiftiParts> = {}): Uint8Array =>
  makeNifti({
    ...{ dims: [2, 3, 4], datatype: 2, pixDims: [1, 2, 2.5, 3], bytes: 24 },
    values: (view, at) => Array.from({ length: 24 }, (_, i) => view.setUint8(at + i, i)),
    ...parts,
  });
const COUNTED = Uint8Array.from({ length: 24 }, (_, i) => i);

/** A file of real values in single precision. */
const reals = (values: readonly number[]): Uint8Array =>
  makeNifti({
    ...{ dims: [values.length], datatype: 16, bytes: 4 * values.length, pixDims: [1, 1, 1, 1] },
    values: (view, at) => values.forEach((value, i) => view.setFloat32(at + 4 * i, value, true)),
  });

describe("qform at the edge of rounding", () => {
  /** A half turn about an axis near z, whose b, c and d are rounded to single precision; nibabel's a is 0. */
  const half = (angle: number) => [0, Math.sin(angle), Math.cos(angle)].map(Math.fround);

  fileWorks(
    {
      format: "NIfTI",
      from: "dcm2niix, SPM",
      habit: "qform of a half turn: rounding makes 1 - b² - c² - d² a little more or less than 0",
      result: "nibabel's affine, to 1e-9; labels with the exact affine lie on the image",
    },
    () => {
      const signs = new Set<number>();
      for (let n = 0; n < 40; n++) {
        const quaternion = half(n / 40);
        const rest = 1 - quaternion.reduce((sum, q) => sum + q * q, 0);
        signs.add(Math.sign(rest));
        const { affine } = readNifti(bytes({ qform: { code: 1, quaternion, offset: [0, 0, 0] } }), "a.nii");
        // As nibabel: a = 0 and the rest made a rotation by its length.
        const [, c, d] = quaternion.map((q) => q / Math.sqrt(1 - rest));
        const expected = [[-2, 0, 0, 0], [0, 2.5 * (c * c - d * d), 6 * c * d, 0], [0, 5 * c * d, 3 * (d * d - c * c), 0]]; // prettier-ignore
        expected.flat().forEach((value, i) => expect(affine!.flat()[i]).toBeCloseTo(value, 9));
      }
      expect([...signs].sort()).toEqual([-1, 0, 1]);
    },
  );

  test("a smaller turn keeps its angle, and NIfTI-2 its finer rounding", () => {
    const angle = 1e-3; // of 2 * asin: a² = 1e-6 is above 3 * 2^-23
    const near = [0, 0, Math.sqrt(1 - angle ** 2)];
    const single = readNifti(bytes({ qform: { code: 1, quaternion: near, offset: [0, 0, 0] } }), "a.nii");
    expect(single.affine![0][1] / -2.5).toBeCloseTo(2 * angle, 4);
    const tiny = [0, 0, Math.sqrt(1 - 1e-10)];
    const double = (version: 1 | 2) =>
      readNifti(bytes({ version, qform: { code: 1, quaternion: tiny, offset: [0, 0, 0] } }), "a.nii").affine![0][1]; // prettier-ignore
    expect(double(2) / -2.5).toBeCloseTo(2e-5, 8);
    expect(Math.abs(double(1))).toBeLessThan(1e-12);
  });

  test("labels written for such an image lie on it when they are read again", () => {
    for (let n = 0; n < 20; n++) {
      const image = readNifti(bytes({ qform: { code: 1, quaternion: half(n / 7), offset: [9, 9, 9] } }), "a.nii"); // prettier-ignore
      const written = niftiLabelBytes({ ...image, data: COUNTED }, "l.nii");
      const again = readNiftiLabels(written, "l.nii");
      expect(() => assertSameGeometry(image, again, "l.nii")).not.toThrow();
      image.affine!.flat().forEach((value, i) => expect(again.affine!.flat()[i]).toBeCloseTo(value, 5));
    }
  });
});

describe("transformations that are no places", () => {
  const qform = { code: 1, quaternion: [0, 0, 0], offset: [5, 6, 7] };

  fileWorks(
    {
      format: "NIfTI",
      from: "hand-written converters",
      habit: "sform_code says that the sform is known, but its rows are zero or not finite",
      result: "the place of the qform where that is known, and a warning",
    },
    () => {
      for (const bad of [0, NaN, Infinity]) {
        const sform = { code: 1, rows: [[bad, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]] as const }; // prettier-ignore
        const volume = readNifti(bytes({ qform, sform }), "a.nii");
        expect(volume.affine).toEqual([[2, 0, 0, 5], [0, 2.5, 0, 6], [0, 0, 3, 7]]); // prettier-ignore
        expect(volume.warnings).toEqual([
          "a.nii: its sform is no place (flat or not finite) and is left out",
        ]);
        const alone = readNifti(bytes({ sform }), "a.nii");
        expect(alone.affine).toBeUndefined();
        expect(alone.warnings).toHaveLength(2);
      }
    },
  );

  fileWorks(
    {
      format: "NIfTI",
      from: "2D pictures",
      habit: "pixdim[3] is 0 beside a qform",
      result: "nibabel's affine, in which 0 counts as 1 mm; the distance between slices stays unknown",
    },
    () => {
      const volume = readNifti(bytes({ qform, pixDims: [1, 2, 2.5, 0] }), "a.nii");
      expect(volume.affine).toEqual([[2, 0, 0, 5], [0, 2.5, 0, 6], [0, 0, 1, 7]]); // prettier-ignore
      expect(volume.sliceSpacing).toBeUndefined();
      expect(volume.warnings).toEqual([]);
    },
  );

  test("a file without a place says what follows and what to do", () => {
    expect(readNifti(bytes(), "a.nii").warnings).toEqual([
      "a.nii: does not say how it lies in the patient. Its slices are used as stored; left and right are not known, " +
        "neither here nor in the labels. To change that, convert it again from DICOM, or set its sform.",
    ]);
  });
});

fileWorks(
  {
    format: "NIfTI",
    from: "Analyze's heirs, FSL",
    habit: "pixdim is negative",
    result: "its size without the sign, as in nibabel; directions come from sform and qform alone",
  },
  () => {
    const rows = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 5, 0]] as const; // prettier-ignore
    const volume = readNifti(bytes({ pixDims: [1, -1, 1, -5], sform: { code: 1, rows } }), "a.nii");
    expect(spacingOf(volume, "a.nii")).toEqual([1, 1, 5]);
    expect(volume).toMatchObject({ affine: rows, warnings: [] });
    const qform = { code: 1, quaternion: [0, 0, 0], offset: [0, 0, 0] };
    expect(readNifti(bytes({ pixDims: [1, -1, 1, -5], qform }), "a.nii").affine).toEqual(rows);
    const written = readNifti(niftiLabelBytes({ ...volume, data: COUNTED }, "l.nii"), "l.nii");
    expect(written.nifti!.pixDims.slice(1, 4)).toEqual([1, 1, 5]);
  },
);

describe("labels with a rounded slope", () => {
  /** Real labels as nibabel's ArrayWriter makes integers of them: the range of the type holds that of the values. */
  function autoscaled(labels: readonly number[], datatype: 2 | 4 | 512): Uint8Array {
    const [least, most] = ({ 2: [0, 255], 4: [-32768, 32767], 512: [0, 65535] } as const)[datatype];
    const [low, high] = [Math.min(...labels), Math.max(...labels)];
    const slope = Math.fround((high - low) / (most - least));
    const intercept = Math.fround(low - least * slope);
    const size = datatype === 2 ? 1 : 2;
    return makeNifti({
      ...{ dims: [labels.length], datatype, slope, intercept, bytes: size * labels.length },
      values: (view, at) =>
        labels.forEach((label, i) => {
          const stored = Math.round((label - intercept) / slope);
          if (datatype === 2) view.setUint8(at + i, stored);
          else if (datatype === 4) view.setInt16(at + 2 * i, stored, true);
          else view.setUint16(at + 2 * i, stored, true);
        }),
    });
  }

  fileWorks(
    {
      format: "NIfTI",
      from: "nibabel",
      habit: "a label map of floats saved with an integer type: its labels read 2.99998 and 0.918",
      result: "the labels that were saved, each the only integer within half a step of the slope",
    },
    () => {
      const labels = [0, 1, 2, 3, 4, 0, 4];
      for (const datatype of [2, 4, 512] as const)
        expect([...readNiftiLabels(autoscaled(labels, datatype), "l.nii").data]).toEqual(labels);
      const many = Array.from({ length: 118 }, (_, i) => i);
      expect([...readNiftiLabels(autoscaled(many, 2), "l.nii").data]).toEqual(many);
    },
  );

  test("any labels that nibabel's rule makes steps of at most a half are read as they were", () => {
    const label = fc.integer({ min: 0, max: 120 });
    fc.assert(
      fc.property(fc.uniqueArray(label, { minLength: 2, maxLength: 9 }), fc.constantFrom(2, 4, 512), (labels, datatype) => {
        expect([...readNiftiLabels(autoscaled(labels, datatype as 2), "l.nii").data]).toEqual(labels);
      }), // prettier-ignore
      { numRuns: 200, seed: 17 },
    );
  });

  test("what is no rounded label is refused, never guessed", () => {
    expect(() => readNiftiLabels(autoscaled([0, 0.5, 1], 4), "l.nii")).toThrow(/l\.nii: has the label 0\.50000\d*; expected integers of 0\.\.65535; it is scaled by 0\.0000152/); // prettier-ignore
    expect(() => readNiftiLabels(autoscaled([0, 0.9999, 2], 4), "l.nii")).toThrow("has the label 0.9998");
    // A coarse slope leaves room for more than one reading: 0.9 may be 1, or nine tenths.
    expect(() => readNiftiLabels(autoscaled([0, 1, 229], 2), "l.nii")).toThrow(/has the label 0\.898/);
    expect(() => readNiftiLabels(reals([0, 0.9999999]), "l.nii")).toThrow("has the label 0.99999988");
    expect(() => readNiftiLabels(reals([0, NaN]), "l.nii")).toThrow("has the label NaN");
  });

  fileWorks(
    {
      format: "NIfTI",
      from: "nibabel",
      habit: "real values saved as scaled 64-bit integers, too large for a double",
      result: "the values to double precision",
    },
    () => {
      const stored = [-(2n ** 63n), 2n ** 62n, 2n ** 63n - 1024n];
      const file = makeNifti({
        ...{ dims: [3], datatype: 1024, bytes: 24, slope: Math.fround(117 / 2 ** 64), intercept: 58.5 },
        values: (view, at) => stored.forEach((value, i) => view.setBigInt64(at + 8 * i, value, true)),
      });
      expect([...realValues(readNifti(file, "a.nii")).data]).toEqual([0, 87.75, 117]);
    },
  );
});

describe("compression", () => {
  const EXPECTED = readNifti(bytes(), "a.nii.gz");
  const join = (...parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

  fileWorks(
    {
      format: "NIfTI",
      from: "tapes, block devices, some archives",
      habit: "zeros after the gzip stream",
      result: "read, with the checksum checked; other bytes after it are refused",
    },
    () => {
      const packed = gzipSync(bytes());
      for (const zeros of [1, 2, 3, 4, 8, 511, 512, 10_000, 70_000])
        expect(readNifti(join(packed, new Uint8Array(zeros)), "a.nii.gz"), `${zeros}`).toEqual(EXPECTED);
      expect(() => readNifti(join(packed, Uint8Array.of(0, 0, 0, 0, 7)), "a.nii.gz")).toThrow(
        "a.nii.gz: has 5 bytes after its compressed data; expected none, zeros, or more gzip; unpack it with gzip -dc",
      );
      const wrong = packed.slice();
      wrong[wrong.length - 6] ^= 1;
      expect(() => readNifti(join(wrong, new Uint8Array(600)), "a.nii.gz")).toThrow(/damaged/);
    },
  );

  fileWorks(
    {
      format: "NIfTI",
      from: "pigz, bgzip, cat",
      habit: "a gzip file of several members, with empty ones among them",
      result: "read; the checksum of each member is checked",
    },
    () => {
      const [plain, empty] = [bytes(), gzipSync(new Uint8Array(0))];
      const members = [plain.subarray(0, 100), plain.subarray(100, 360), plain.subarray(360)].map((part) => gzipSync(part)); // prettier-ignore
      expect(readNifti(join(...members, empty), "a.nii.gz")).toEqual(EXPECTED);
      expect(readNifti(join(members[0], empty, members[1], members[2], new Uint8Array(99)), "a.nii.gz")).toEqual(EXPECTED); // prettier-ignore
      for (const n of [0, 1, 2]) {
        const damaged = members.map((member) => member.slice());
        damaged[n][damaged[n].length - 8] ^= 1;
        expect(() => readNifti(join(...damaged), "a.nii.gz"), `member ${n}`).toThrow(/a\.nii\.gz: damaged/);
      }
    },
  );
});

describe("values that are not finite", () => {
  fileWorks(
    {
      format: "NIfTI",
      from: "SPM, PET, quantitative maps",
      habit: "NaN or infinity outside of what was measured",
      result: "read with a warning; such voxels count in no window or percentile and are shown black",
    },
    () => {
      const measured = Array.from({ length: 200 }, (_, i) => 60 + i);
      const volume = readNifti(reals([...measured, ...Array<number>(300).fill(NaN), Infinity, -Infinity]), "a.nii"); // prettier-ignore
      expect(volume.warnings).toContain(
        "a.nii: 302 of 502 values are not finite numbers (NaN or infinite); they count as not measured and are " +
          "shown as the lowest value",
      );
      expect(volume.data.slice(200).every(Number.isNaN)).toBe(true);
      for (const intensity of ["percentiles", "range", "ct-soft-tissue", undefined]) {
        const { data } = eightBitVolume(volume, intensity).volume;
        const alone = intensityPreset(intensity ?? "percentiles").scale(Float32Array.from(measured));
        expect(data.subarray(0, 200), intensity).toEqual(alone);
        expect(data.subarray(200).every((value) => value === 0)).toBe(true);
      }
      const slice = volumeSlice(realValues(volume), 2, 0);
      expect(FULL_RANGE.scale(slice.data).subarray(198, 202)).toEqual(Uint8Array.of(253, 255, 0, 0));
    },
  );

  test("scaled values keep their gaps; nothing but gaps is refused", () => {
    const half = makeNifti({
      ...{ dims: [2], datatype: 16, bytes: 8, slope: 2, intercept: 1 },
      values: (view, at) => [NaN, 3].forEach((value, i) => view.setFloat32(at + 4 * i, value, true)),
    });
    expect(realValues(readNifti(half, "a.nii")).data).toEqual(Float32Array.of(NaN, 7));
    expect(() => readNifti(reals([NaN, Infinity]), "a.nii")).toThrow("a.nii: none of its values is a finite number"); // prettier-ignore
  });
});

describe("pairs", () => {
  const whole = (parts: Partial<NiftiParts>) => {
    const file = bytes({ magic: parts.version === 2 ? "ni2\0" : "ni1\0", ...parts });
    const size = parts.version === 2 ? 540 : 348;
    const header = file.slice(0, size);
    // The voxels begin at the start of their own file.
    const view = new DataView(header.buffer);
    if (parts.version === 2) view.setBigInt64(168, 0n, true);
    else view.setFloat32(108, 0, true);
    return { header, image: file.slice(size + 4) };
  };
  const open = (name: string, header: Uint8Array, files: Readonly<Record<string, Uint8Array>> = {}) =>
    readVolume(header, name, { beside: (file) => Promise.resolve(files[file]) });

  fileWorks(
    {
      format: "NIfTI",
      from: "SPM, FSL",
      habit: "a pair of `.hdr` and `.img`, each with gzip or without",
      result: "read by either name; in the page open both files together",
    },
    async () => {
      for (const version of [1, 2] as const) {
        const { header, image } = whole({ version });
        for (const [name, head, files] of [
          ["a.hdr", header, { "a.img": image }],
          ["a.hdr", header, { "a.img.gz": gzipSync(image) }],
          ["a.hdr.gz", gzipSync(header), { "a.img.gz": gzipSync(image) }],
          ["A.HDR", header, { "A.IMG": image }],
        ] as const)
          expect(await open(name, head, files)).toMatchObject({ size: [2, 3, 4], data: COUNTED });
      }
      const folder = mkdtempSync(join(tmpdir(), "medsam-pair-"));
      const { header, image } = whole({});
      writeFileSync(join(folder, "b.hdr"), header);
      writeFileSync(join(folder, "b.img"), image);
      for (const name of ["b.hdr", "b.img"]) {
        expect((await readVolumeFile(join(folder, name))).data).toEqual(COUNTED);
        expect((await readLabelVolumeFile(join(folder, name))).data).toEqual(COUNTED);
      }
      rmSync(folder, { recursive: true });
    },
  );

  test("half a pair, a short one, and Analyze 7.5 are named", async () => {
    const { header, image } = whole({});
    await expect(open("a.hdr", header)).rejects.toThrow("a.hdr: is the header of a pair, whose .img is not there; put NAME.hdr and NAME.img"); // prettier-ignore
    await expect(open("a.hdr", header, { "a.img": image.slice(1) })).rejects.toThrow("a.hdr: is cut off: has 23 bytes; its header asks for 24"); // prettier-ignore
    await expect(open("a.img", image)).rejects.toThrow("a.img: holds values without a header; name the .hdr");
    const analyze = header.slice();
    analyze.fill(0, 344);
    await expect(open("a.hdr", analyze, { "a.img": image })).rejects.toThrow("a.hdr: is an Analyze 7.5 header, which does not say left from right"); // prettier-ignore
  });

  test("any damage of the header gives a volume or an error that names the file", async () => {
    const { header, image } = whole({});
    await expectSafe(header, (damaged) => readNifti(damaged, "x.hdr", image));
  });
});
