import { gzipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { axisCodes, transform, type Affine } from "../../../src/volume/affine.js";
import { assertSameGeometry, gridOf, toLabels } from "../../../src/volume/labels.js";
import { readNifti } from "../../../src/volume/nifti.js";
import { niftiLabelBytes } from "../../../src/volume/niftiWrite.js";
import type { Vector3 } from "../../../src/volume/vector.js";
import { spacingOf, type LabelVolume } from "../../../src/volume/volume.js";
import { VolumeError } from "../../../src/volume/volumeError.js";
import { fileWorks } from "../../fileWorks.js";
import { expectSafe } from "./damage.js";
import { makeNifti, type NiftiParts } from "./makeNifti.js";

const OBLIQUE: Affine = [
  [-2, 0.5, 0.1, 90],
  [0.4, 2.5, -0.3, -120],
  [0.1, 0.2, 3, 7],
];

/** Columns, rows, slices and frames of 2, 3, 4 and 2; values 0, 10, 20, ... */
const shorts = (parts: Partial<NiftiParts> = {}): Uint8Array =>
  makeNifti({
    ...{ dims: [2, 3, 4, 2], datatype: 4, pixDims: [1, 2, 2.5, 3, 1], bytes: 2 * 48 },
    values: (view, at, le) => {
      for (let i = 0; i < 48; i++) view.setInt16(at + 2 * i, 10 * i - 100, le);
    },
    ...parts,
  });
const EXPECTED = Int16Array.from({ length: 48 }, (_, i) => 10 * i - 100);

describe("reading", () => {
  fileWorks(
    {
      format: "NIfTI",
      from: "nibabel, AFNI, programs of big-endian machines",
      habit: "NIfTI-2, big-endian, a header extension, several points in time; each with gzip or without",
      result: "the same values, frames and place from all of them",
    },
    () => {
      const sform = { code: 2, rows: OBLIQUE };
      for (const version of [1, 2] as const)
        for (const littleEndian of [true, false])
          for (const bytes of [0, 32].map((extension) =>
            shorts({ version, littleEndian, sform, ...(extension > 0 && { extension }) }),
          )) {
            // prettier-ignore
            const volume = readNifti(bytes, "a.nii");
            expect(volume).toMatchObject({ size: [2, 3, 4], frames: 2, channels: 1, slope: 1, intercept: 0 });
            expect(volume).toMatchObject({ pixelSpacing: [2, 2.5], sliceSpacing: 3 });
            expect(volume.data).toEqual(EXPECTED);
            const near = version === 1 ? 5 : 14;
            OBLIQUE.flat().forEach((value, i) => expect(volume.affine!.flat()[i]).toBeCloseTo(value, near));
            expect(readNifti(gzipSync(bytes), "a.nii.gz")).toEqual({ ...volume, name: "a.nii.gz", warnings: volume.warnings.map((w) => w.replace("a.nii", "a.nii.gz")) }); // prettier-ignore
          }
    },
  );

  test.each([
    { datatype: 2, size: 1, kind: Uint8Array, value: 200 },
    { datatype: 8, size: 4, kind: Int32Array, value: -70000 },
    { datatype: 16, size: 4, kind: Float32Array, value: 0.25 },
    { datatype: 64, size: 8, kind: Float64Array, value: 0.1 },
    { datatype: 256, size: 1, kind: Int8Array, value: -5 },
    { datatype: 512, size: 2, kind: Uint16Array, value: 60000 },
    { datatype: 768, size: 4, kind: Uint32Array, value: 4e9 },
    { datatype: 1024, size: 8, kind: Float64Array, value: -5e12 },
    { datatype: 1280, size: 8, kind: Float64Array, value: 5e12 },
  ])("datatype $datatype", ({ datatype, size, kind, value }) => {
    for (const littleEndian of [true, false]) {
      const values = (view: DataView, at: number) => {
        const source = datatype >= 1024 ? BigInt64Array.of(BigInt(value)) : kind.of(value);
        const bytes = new Uint8Array(source.buffer);
        if (!littleEndian) bytes.reverse();
        new Uint8Array(view.buffer).set(bytes, at);
      };
      const volume = readNifti(
        makeNifti({ dims: [1], datatype, bytes: size, littleEndian, values }),
        "a.nii",
      );
      expect(volume.data).toEqual(kind.of(value));
      expect(volume.size).toEqual([1, 1, 1]);
    }
  });

  fileWorks(
    {
      format: "NIfTI",
      from: "Colour maps of diffusion MR, FSL",
      habit: "RGB24: three bytes a voxel",
      result: "three channels",
    },
    () => {
      const values = (view: DataView, at: number) => new Uint8Array(view.buffer).set([1, 2, 3, 4, 5, 6], at);
      const volume = readNifti(makeNifti({ dims: [2, 1, 1], datatype: 128, bytes: 6, values }), "a.nii");
      expect(volume).toMatchObject({ channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) });
    },
  );

  fileWorks(
    {
      format: "NIfTI",
      from: "MRIcro, nibabel",
      habit: "scl_slope is 0 or NaN, or scl_inter is NaN",
      result: "values as stored, or scaled by the slope alone, as in nibabel",
    },
    () => {
      const read = (slope: number, intercept: number) => {
        const volume = readNifti(shorts({ slope, intercept }), "a.nii");
        return [volume.slope, volume.intercept];
      };
      expect(read(0, 5)).toEqual([1, 0]);
      expect(read(NaN, 5)).toEqual([1, 0]);
      expect(read(0.5, -7)).toEqual([0.5, -7]);
      expect(read(2, NaN)).toEqual([2, 0]);
    },
  );
});

describe("place", () => {
  const half = Math.SQRT1_2;
  // A quarter turn about z: columns run to the front, rows to the left.
  const qform = { code: 1, quaternion: [0, 0, half], offset: [5, 6, 7] };

  test("quaternions, with slices up or down", () => {
    const up = readNifti(shorts({ qform, pixDims: [1, 2, 2.5, 3] }), "a.nii").affine!;
    expect(axisCodes(up)).toBe("ALS");
    const [x, y, z] = transform(up, [1, 1, 1]);
    expect([x, y, z]).toEqual([expect.closeTo(2.5, 5), expect.closeTo(8, 5), expect.closeTo(10, 5)]);
    const down = readNifti(shorts({ qform, pixDims: [-1, 2, 2.5, 3] }), "a.nii").affine!;
    expect(axisCodes(down)).toBe("ALI");
    expect(transform(down, [0, 0, 1])[2]).toBeCloseTo(4, 5);
  });

  test("a quaternion that rounding made too long is still a rotation", () => {
    const long = { ...qform, quaternion: [0, 0, 1.0000001] };
    const affine = readNifti(shorts({ qform: long, pixDims: [1, 2, 2, 2] }), "a.nii").affine!;
    expect(affine.flat().every(Number.isFinite)).toBe(true);
    expect(axisCodes(affine)).toBe("LPS");
  });

  fileWorks(
    {
      format: "NIfTI",
      from: "SPM, FSL",
      habit: "sform and qform say different places, after a registration",
      result: "the place of the sform, as nibabel gives it; a warning if the voxel sizes differ",
    },
    () => {
      const sform = { code: 1, rows: OBLIQUE };
      for (const code of [1, 4]) {
        const volume = readNifti(shorts({ qform: { ...qform, code }, sform }), "a.nii");
        expect(volume.affine![0][3]).toBe(90);
        expect(volume.warnings).toEqual([expect.stringContaining("its affine has other steps")]);
      }
      expect(readNifti(shorts({ qform, sform: { ...sform, code: 0 } }), "a.nii").affine![0][3]).toBe(5);
    },
  );

  test("unknown stays unknown", () => {
    const volume = readNifti(shorts(), "a.nii");
    expect(volume.affine).toBeUndefined();
    expect(volume.warnings).toEqual([
      expect.stringContaining("a.nii: does not say how it lies in the patient."),
    ]);
    for (const pixDims of [
      [1, 0, 2, 3],
      [1, NaN, 2, 3],
    ]) {
      // prettier-ignore
      const without = readNifti(shorts({ pixDims }), "a.nii");
      expect(without.pixelSpacing).toBeUndefined();
      expect(() => spacingOf(without, "a.nii")).toThrow("a.nii: has no pixel spacing");
    }
    const flat = readNifti(shorts({ pixDims: [1, 2, 2, 0] }), "a.nii");
    expect(() => spacingOf(flat, "a.nii")).toThrow("a.nii: has no distance between its slices");
    expect(spacingOf({ size: [4, 4, 1], pixelSpacing: [2, 3] }, "a")).toEqual([2, 3, 1]);
  });

  fileWorks(
    {
      format: "NIfTI",
      from: "Microscopy converters",
      habit: "xyzt_units says metres or micrometres",
      result: "spacing and place in millimetres",
    },
    () => {
      const sform = { code: 1, rows: OBLIQUE };
      expect(readNifti(shorts({ units: 1, sform }), "a.nii")).toMatchObject({ pixelSpacing: [2000, 2500] });
      const micro = readNifti(shorts({ units: 3 + 8, sform }), "a.nii");
      expect([micro.sliceSpacing, micro.affine![0][3]]).toEqual([0.003, 0.09]);
    },
  );

  test("spacing that contradicts the affine is said", () => {
    const sform = { code: 4, rows: [[3, 0, 0, 0], [0, 2.5, 0, 0], [0, 0, 3, 0]] as Affine }; // prettier-ignore
    expect(readNifti(shorts({ sform }), "a.nii").warnings).toEqual([
      expect.stringContaining("its voxels are 2 x 2.5 x 3 mm, but its affine has other steps"),
    ]);
  });
});

describe("refused", () => {
  const named = (parts: Partial<NiftiParts>) => () => readNifti(shorts(parts), "bad.nii");
  test.each([
    ["complex values", { datatype: 32 }, "has values of datatype 32; expected"],
    ["a fifth axis", { dims: [2, 3, 2, 2, 2] }, "has axes of [2, 3, 2, 2, 2] voxels; expected up to three"],
    ["no axes", { dims: [] }, "has axes of [] voxels"],
    ["a negative side", { dims: [2, -3, 4] }, "size is 2 x -3; expected positive integers"],
    ["no slices", { dims: [2, 3, 0] }, "has 0 slices"],
    ["more than there is", { dims: [2, 3, 5, 2] }, "is cut off: has 448 bytes; its header asks for 472"],
    [
      "a huge size",
      { dims: [8000, 8000, 30000] },
      "8000 x 8000 x 30000 voxels in 1 frames of 1 channels are more than the limit",
    ],
    ["half a pair", { magic: "ni1\0" }, "is the header of a pair, whose .img is not there; put NAME.hdr and"],
    ["something else", { magic: "abc\0" }, "is no NIfTI file"],
  ] as const)("%s", (_, parts, message) => {
    expect(named(parts)).toThrow(`bad.nii: ${message}`);
  });

  test("integers that cannot be exact", () => {
    const long = makeNifti({ dims: [1], datatype: 1024, bytes: 8, values: (view, at) => view.setBigInt64(at, 2n ** 60n, true) }); // prettier-ignore
    expect(() => readNifti(long, "a.nii")).toThrow(
      "a.nii: value 1152921504606846976 is too large to be exact",
    );
  });

  test("a small file that inflates to a huge one never gets the memory", () => {
    const bomb = new Uint8Array(120e6);
    bomb.set(shorts());
    const packed = gzipSync(bomb, { level: 6 });
    expect(packed.length).toBeLessThan(200e3);
    const before = process.memoryUsage().arrayBuffers;
    expect(() => readNifti(packed, "bomb.nii.gz")).toThrow(
      "bomb.nii.gz: inflates to more than 1049024 bytes",
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(90e6);
  });

  test("damaged compression", () => {
    const packed = gzipSync(shorts());
    const changed = packed.slice();
    changed[changed.length - 6] ^= 1; // of the checksum
    expect(() => readNifti(changed, "a.nii.gz")).toThrow("a.nii.gz: damaged gzip: its checksum is wrong");
    for (let length = 18; length < packed.length; length += 7)
      expect(() => readNifti(packed.slice(0, length), "a.nii.gz")).toThrow(VolumeError);
  });

  test("any damage gives a volume or an error that names the file", async () => {
    for (const bytes of [shorts(), shorts({ version: 2, littleEndian: false }), gzipSync(shorts())])
      await expectSafe(bytes, (damaged) => readNifti(damaged, "x.nii"));
  });
});

describe("labels", () => {
  const source = readNifti(
    shorts({ dims: [2, 3, 4], pixDims: [-1, 2, 2.5, 3, 9], qform: { code: 2, quaternion: [0.1, 0.2, 0.3], offset: [1, 2, 3] }, sform: { code: 1, rows: OBLIQUE } }), // prettier-ignore
    "a.nii",
  );
  const labels = (data: Uint8Array | Uint16Array): LabelVolume => ({ ...gridOf(source), data });

  test("written in the same place, and read again", () => {
    for (const data of [
      Uint8Array.from({ length: 24 }, (_, i) => i % 3),
      Uint16Array.from({ length: 24 }, (_, i) => 20 * i),
    ]) {
      // prettier-ignore
      const bytes = niftiLabelBytes(labels(data), "labels.nii");
      const read = toLabels(readNifti(bytes, "labels.nii"));
      expect(read.data).toEqual(data);
      expect(read.nifti).toEqual({ ...source.nifti, pixDims: [-1, 2, 2.5, 3, 1, 1, 1, 1] });
      expect(read.affine).toEqual(source.affine);
      expect(readNifti(niftiLabelBytes(labels(data), "labels.nii.gz"), "labels.nii.gz").data).toEqual(data);
    }
  });

  test("of a volume that is not from NIfTI lie by its affine; what is unknown stays so", () => {
    const { size } = source;
    const data = new Uint8Array(24);
    const placed = toLabels(readNifti(niftiLabelBytes({ size, data, affine: OBLIQUE, pixelSpacing: [9, 9] }, "l.nii"), "l.nii")); // prettier-ignore
    OBLIQUE.flat().forEach((value, i) => expect(placed.affine!.flat()[i]).toBeCloseTo(value, 5));
    expect(placed.sliceSpacing).toBeCloseTo(Math.hypot(0.1, 0.3, 3), 5);
    const nowhere = toLabels(readNifti(niftiLabelBytes({ size, data, pixelSpacing: [0.5, 0.25] }, "l.nii"), "l.nii")); // prettier-ignore
    expect(nowhere.affine).toBeUndefined();
    expect(nowhere.sliceSpacing).toBeUndefined();
    expect(nowhere.pixelSpacing).toEqual([0.5, 0.25]);
    const wide = { size: [40000, 1, 1] as Vector3, data: new Uint8Array(40000) };
    expect(() => niftiLabelBytes(wide, "l.nii")).toThrow(
      "l.nii: 40000 x 1 x 1 voxels; NIfTI-1 holds at most",
    );
  });

  test("must be whole numbers, of one volume", () => {
    expect(() => toLabels(source)).toThrow("a.nii: has the label -100; expected integers of 0..65535");
    const real = { ...source, data: Float32Array.from({ length: 24 }, (_, i) => i), slope: 0.5 };
    expect(() => toLabels(real)).toThrow("has the label 0.5");
    expect(toLabels({ ...real, slope: 2 }).data).toEqual(Uint8Array.from({ length: 24 }, (_, i) => 2 * i));
    expect(() => toLabels({ ...source, frames: 2 })).toThrow("has 2 frames of 1 channels");
  });

  test("of another geometry are noticed", () => {
    const here = labels(new Uint8Array(24));
    expect(() => assertSameGeometry(source, here, "l.nii")).not.toThrow();
    expect(() => assertSameGeometry(source, { ...here, size: [3, 2, 4] }, "l.nii")).toThrow(
      "l.nii: labels have 3 x 2 x 4 voxels; the image has 2 x 3 x 4",
    );
    const [first, ...rest] = OBLIQUE;
    const mirrored: Affine = [[-first[0], first[1], first[2], first[3]], rest[0], rest[1]];
    expect(() => assertSameGeometry(source, { ...here, affine: mirrored }, "l.nii")).toThrow(
      /labels lie elsewhere than the image: voxel \[1, 0, 0\] is 4\.00 mm away/,
    );
    expect(() => assertSameGeometry(source, { size: here.size }, "l.nii")).not.toThrow();
  });
});
