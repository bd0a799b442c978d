import { describe, expect, test } from "vitest";
import { axisCodes, transform } from "../../../src/volume/affine.js";
import { openDicomSeries, readSeries } from "../../../src/volume/dicomSeries.js";
import { dicomVolume } from "../../../src/volume/dicomVolume.js";
import { realValues } from "../../../src/volume/values.js";
import { spacingOf, type Volume } from "../../../src/volume/volume.js";
import { fileWorks } from "../../fileWorks.js";
import { IMAGE, makeDicom, slice, type Elements } from "./makeDicom.js";

const named = (files: readonly Uint8Array[]) =>
  files.map((bytes, i) => ({ name: `patient/${i}.dcm`, bytes }));
const openAll = (files: readonly Uint8Array[]) =>
  openDicomSeries(named(files)).flatMap(({ images }) => images);
const volumeOf = (files: readonly Uint8Array[]): Promise<Volume> => dicomVolume(openAll(files), "s");
const firsts = ({ data, size }: Volume) => Array.from({ length: size[2] }, (_, z) => data[6 * z]);

describe("a series", () => {
  test("is sorted by place, not by number or name", async () => {
    const volume = await volumeOf([slice(5, 3), slice(1, 9), slice(4, 0), slice(2, 6)]);
    expect(firsts(volume)).toEqual([4, 5, 2, 1]);
    expect(volume).toMatchObject({ size: [3, 2, 4], sliceSpacing: 3, warnings: [] });
    expect(spacingOf(volume, "s")).toEqual([0.25, 0.5, 3]);
    // From the patient's right to the left, from front to back, upwards.
    expect(axisCodes(volume.affine!)).toBe("LPS");
    expect(transform(volume.affine!, [0, 0, 0])).toEqual([10, 20, 0]);
    expect(transform(volume.affine!, [2, 1, 3])).toEqual([9.5, 19.5, 9]);
  });

  test("coronal slices go along their own normal", async () => {
    // Rows to the left, columns down: the normal points to the back, along +y of DICOM.
    const coronal = (n: number, y: number) =>
      slice(n, 0, { "00200037 DS": "1\\0\\0\\0\\0\\-1", "00200032 DS": `0\\${y}\\50` });
    const volume = await volumeOf([coronal(1, -4), coronal(2, 0), coronal(3, 4)]);
    expect(axisCodes(volume.affine!)).toBe("LIP");
    expect(firsts(volume)).toEqual([1, 2, 3]);
    expect(transform(volume.affine!, [1, 1, 2])).toEqual([-0.25, -4, 49.5]);
  });

  test("a single slice is as thick as it says; without that its place is known all the same", async () => {
    expect(await volumeOf([slice(1, 3)])).toMatchObject({ size: [3, 2, 1], sliceSpacing: 9 });
    const thin = await volumeOf([slice(1, 3, { "00180050 DS": undefined })]);
    expect([thin.sliceSpacing, thin.pixelSpacing]).toEqual([undefined, [0.25, 0.5]]);
    expect(transform(thin.affine!, [2, 1, 0])).toEqual([9.5, 19.5, 3]);
  });

  fileWorks(
    {
      format: "DICOM",
      from: "Incomplete exports",
      habit: "a slice is missing, or slices are not evenly apart",
      result:
        "the volume with a warning; a DICOM SEG has the place of each slice, NIfTI the usual distance; millilitres are not given",
    },
    async () => {
      const volume = await volumeOf([1, 2, 3, 5, 6].map((z) => slice(z, z)));
      expect(volume.warnings).toEqual([
        "s: slices are not evenly apart: 2.dcm and 3.dcm are 2.000 mm apart, others 1.000; an image may be missing. " +
          "Distances across slices are not known. A NIfTI file cannot say such places: its slices are up to 1.000 mm " +
          "off. A DICOM segmentation says the place of each slice",
      ]);
      expect(volume).toMatchObject({ size: [3, 2, 5], sliceOffsets: [0, 1, 2, 4, 5] });
      expect(axisCodes(volume.affine!)).toBe("LPS");
      expect(transform(volume.affine!, [0, 0, 2])).toEqual([10, 20, 3]);
      expect(volume.sliceSpacing).toBeUndefined();
      expect(() => spacingOf(volume, "s")).toThrow("s: has no distance between its slices");
    },
  );

  fileWorks(
    {
      format: "DICOM",
      from: "Exports and anonymisers",
      habit: "an image is there twice, or all images have the same SOPInstanceUID",
      result: "each image once, and a warning that names the copy",
    },
    async () => {
      const volume = await volumeOf([slice(1, 1), slice(2, 2), slice(2, 2), slice(3, 3)]);
      expect(volume.size[2]).toBe(3);
      expect(volume.warnings).toEqual(["s: 2.dcm is left out: another file has the same image"]);
      const anonymous = [1, 2, 3].map((n) => slice(n, n, { "00080018 UI": "1.2.3" }));
      expect(await volumeOf(anonymous)).toMatchObject({ size: [3, 2, 3], warnings: [] });
    },
  );

  test("two images at one place are refused", async () => {
    await expect(volumeOf([slice(1, 1), slice(2, 2), slice(3, 2), slice(4, 3)])).rejects.toThrow(
      "s: 1.dcm and 2.dcm lie at the same place (ImagePositionPatient (0020,0032)); a volume has one image a slice",
    );
  });

  fileWorks(
    {
      format: "DICOM",
      from: "CT and MR scanners",
      habit: "directions and spacings differ from slice to slice by rounding",
      result: "one volume: they are compared with a tolerance",
    },
    async () => {
      for (const cosine of [0.0025, 0.0075, 0.3]) {
        const jitter = (n: number) => {
          const part = cosine + (n % 2 ? 2e-7 : -2e-7);
          const along = Math.sqrt(1 - part * part);
          return {
            "00200037 DS": [along, part, 0, -part, along, 0].join("\\"),
            "00280030 DS": `0.5\\${0.25 + n * 1e-6}`,
          };
        };
        const volume = await volumeOf([1, 2, 3, 4].map((n) => slice(n, n, jitter(n))));
        expect(volume).toMatchObject({ size: [3, 2, 4], warnings: [] });
      }
    },
  );

  fileWorks(
    {
      format: "DICOM",
      from: "CT and MR scanners",
      habit: "a scout (localizer) or a screenshot is in the same series as the slices",
      result: "the slices; a warning names what is left out",
    },
    async () => {
      const across = "1\\0\\0\\0\\0\\-1";
      const scout = slice(9, 9, { "00080008 CS": "ORIGINAL\\PRIMARY\\LOCALIZER", "00200037 DS": across });
      const shot = slice(8, 8, { "00200037 DS": undefined, "00200032 DS": undefined });
      const volume = await volumeOf([scout, slice(1, 1), shot, slice(2, 2), slice(3, 3)]);
      expect(firsts(volume)).toEqual([1, 2, 3]);
      expect(volume.warnings).toEqual([
        "s: 0.dcm is left out: ImageType (0008,0008) says LOCALIZER, a scout",
        "s: 2.dcm is left out: ImageOrientationPatient (0020,0037) is another than that of the other 3 images",
      ]);
    },
  );

  test.each([
    ["size", { "00280010 US": [1], "00280011 US": [6] }, "Rows and Columns"],
    ["spacing", { "00280030 DS": "0.5\\0.26" }, "PixelSpacing (0028,0030)"],
    ["direction", { "00200037 DS": "0\\1\\0\\0\\0\\-1" }, "ImageOrientationPatient (0020,0037)"],
    ["kind", { "00280004 CS": "PALETTE COLOR", ...palette(1) }, "PhotometricInterpretation (0028,0004)"],
  ])(
    "an image of another %s is left out, and refused when no more than half are alike",
    async (_, more, trait) => {
      const volume = await volumeOf([slice(1, 1), slice(2, 2), slice(3, 3, more)]);
      expect(volume.size).toEqual([3, 2, 2]);
      expect(volume.warnings).toEqual([
        `s: 2.dcm is left out: ${trait} is another than that of the other 2 images`,
      ]);
      await expect(volumeOf([slice(1, 1), slice(2, 2, more)])).rejects.toThrow(
        `patient/1.dcm: does not belong to the same volume as patient/0.dcm: ${trait} is another; no more than half of the 2`,
      );
    },
  );

  test("images of two series are refused", async () => {
    await expect(volumeOf([slice(1, 1), slice(2, 2, { "0020000E UI": "1.2.3.99" })])).rejects.toThrow(
      "does not belong to the same volume as patient/0.dcm: SeriesInstanceUID (0020,000E) is another",
    );
  });

  fileWorks(
    {
      format: "DICOM",
      from: "PET and some MR scanners",
      habit: "each image has its own slope, intercept, padding or sign",
      result: "real values: each image is read by its own attributes",
    },
    async () => {
      const volume = await volumeOf([
        slice(1, 1, { "00281053 DS": "2" }),
        slice(2, 2, { "00281053 DS": "0.5", "00281052 DS": "-1", "00280120 US": [50] }),
        slice(3, 3, { "00280103 US": [1], "7FE00010 OW": [0xffff, 0, 1, 2, 3, 4] }),
        slice(4, 4, { "00280004 CS": "MONOCHROME1", "00280101 US": [6], "00280102 US": [5] }),
      ]);
      expect(volume).toMatchObject({ slope: 1, intercept: 0, warnings: [] });
      expect(volume.data).toEqual(
        Float32Array.of(
          2,
          20,
          40,
          60,
          80,
          100,
          0,
          4,
          9,
          14,
          19,
          NaN,
          -1,
          0,
          1,
          2,
          3,
          4,
          59,
          53,
          43,
          33,
          23,
          13,
        ),
      );
      expect(realValues(volume)).toBe(volume);
    },
  );

  test("padding of its own in each image means nothing in the others", async () => {
    const padded = (n: number) => slice(n, n, { "00280120 US": [10 * n] });
    const volume = realValues(await volumeOf([padded(1), padded(2)]));
    expect(volume.data).toEqual(Float32Array.of(1, NaN, 20, 30, 40, 50, 2, 10, NaN, 30, 40, 50));
  });

  test("a slice of nothing but padding stays", async () => {
    const empty = slice(2, 2, { "00280120 US": [7], "7FE00010 OW": new Array<number>(6).fill(7) });
    const volume = realValues(await volumeOf([slice(1, 1), empty]));
    expect([...volume.data].slice(6)).toEqual(new Array<number>(6).fill(NaN));
  });

  test("palettes of their own give colours", async () => {
    const image = (n: number) =>
      slice(n, n, { "00280004 CS": "PALETTE COLOR", ...palette(n), "7FE00010 OW": [0, 0, 0, 1, 1, 1] });
    const volume = await volumeOf([image(1), image(2)]);
    expect(volume).toMatchObject({ channels: 3, size: [3, 2, 2] });
    expect(volume.palette).toBeUndefined();
    expect([0, 9, 18, 27].map((at) => volume.data[at])).toEqual([1, 101, 2, 102]);
  });

  test("the window is that of the middle image, or of the one next to it that has one", async () => {
    const windowed = (n: number, width?: number) =>
      slice(n, n, { "00281050 DS": "40", "00281051 DS": width === undefined ? "N/A" : String(width) });
    expect((await volumeOf([windowed(1, 1), windowed(2, 2), windowed(3, 3)])).windows).toEqual([
      { centre: 40, width: 2 },
    ]);
    expect((await volumeOf([windowed(1, 1), windowed(2), windowed(3)])).windows).toEqual([
      { centre: 40, width: 1 },
    ]);
  });

  fileWorks(
    {
      format: "DICOM",
      from: "CT scanners with a tilted gantry",
      habit: "slices are shifted against each other",
      result: "a volume with the distance along the tilt, and a warning",
    },
    async () => {
      const tilted = (n: number) => slice(n, n, { "00200032 DS": `0\\${n / 2}\\${n}` });
      const volume = await volumeOf([1, 2, 3].map(tilted));
      expect(volume.warnings).toEqual([expect.stringContaining("shifted against each other")]);
      expect(volume.sliceSpacing).toBeCloseTo(Math.hypot(1, 0.5), 10);
    },
  );

  fileWorks(
    {
      format: "DICOM",
      from: "Anonymisers and secondary captures",
      habit: "slices without ImagePositionPatient",
      result:
        "a volume in the order of SliceLocation, then of InstanceNumber, with a warning and no place in the patient",
    },
    async () => {
      const nowhere = (n: number, more: Elements) => slice(n, 0, { "00200032 DS": undefined, ...more });
      const located = [3, 1, 2].map((n) => nowhere(10 - n, { "00201041 DS": String(2.5 * n) }));
      const volume = await volumeOf(located);
      expect(volume).toMatchObject({ size: [3, 2, 3], frames: 1, sliceSpacing: 2.5 });
      expect(firsts(volume)).toEqual([9, 8, 7]);
      expect(volume.affine).toBeUndefined();
      expect(volume.warnings).toEqual([
        expect.stringMatching(
          /^s: does not say how it lies .* Their order is that of SliceLocation \(0020,1041\), then InstanceNumber \(0020,0013\), because ImagePositionPatient \(0020,0032\) is missing\. To change that, export the series with it\.$/,
        ),
      ]);
      const numbered = await volumeOf(
        [3, 1, 2].map((n) => nowhere(n, { "00201041 DS": n === 1 ? undefined : "5" })),
      );
      expect(firsts(numbered)).toEqual([1, 2, 3]);
      expect(numbered.sliceSpacing).toBeUndefined();
      const files = await volumeOf([3, 1, 2].map((n) => nowhere(n, { "00200013 IS": "IM/1" })));
      expect(firsts(files)).toEqual([3, 1, 2]);
      expect(files.warnings.at(-1)).toContain("Their order is that of the files, because");
    },
  );

  fileWorks(
    {
      format: "DICOM",
      from: "Ultrasound, fluoroscopy",
      habit: "pictures of one series without any place",
      result: "frames in the order of InstanceNumber (`--frame` takes one)",
    },
    async () => {
      const picture = (n: number) => slice(n, 0, { "00200032 DS": undefined, "00200037 DS": undefined });
      const volume = await volumeOf([3, 1, 2].map(picture));
      expect(volume).toMatchObject({ size: [3, 2, 1], frames: 3 });
      expect([volume.data[0], volume.data[6], volume.data[12]]).toEqual([1, 2, 3]);
    },
  );

  test("stops when asked to, and tells how far it is", async () => {
    const images = openDicomSeries([1, 2].map((n) => ({ name: `${n}`, bytes: slice(n, n) })))[0].images;
    const shares: number[] = [];
    await dicomVolume(images, "s", { onProgress: (share) => shares.push(share) });
    expect(shares).toEqual([0.5, 1]);
    await expect(
      dicomVolume(images, "s", { signal: AbortSignal.abort(new Error("stopped")) }),
    ).rejects.toThrow("stopped");
  });
});

/** A palette of two greys, which another number makes another one. */
function palette(n: number): Elements {
  const [lut, data] = [[2, 0, 8], [n, 100 + n]]; // prettier-ignore
  return {
    ...{ "00281101 US": lut, "00281102 US": lut, "00281103 US": lut },
    ...{ "00281201 OW": data, "00281202 OW": data, "00281203 OW": data },
  };
}

describe("several series in a folder", () => {
  const ct = { "0020000E UI": "1.2.3.99", "00080060 CS": "CT" };
  const read = (files: readonly Uint8Array[], number?: number) =>
    readSeries(openDicomSeries(named(files)), number, "s");

  test("are told apart; other files and those without pixels are passed over", () => {
    const report = makeDicom({ ...IMAGE, "7FE00010 OW": undefined });
    const files = [slice(1, 1), slice(9, 1, ct), slice(2, 2), report].map((bytes, i) => ({
      name: `${i}`,
      bytes,
    }));
    const series = openDicomSeries([
      ...files,
      { name: "notes.txt", bytes: new TextEncoder().encode("notes") },
    ]);
    expect(series.map(({ title }) => title)).toEqual(["MR, 2 images of 3 x 2", "CT, 1 image of 3 x 2"]);
  });

  fileWorks(
    {
      format: "DICOM",
      from: "CDs and exports of a whole study",
      habit: "films, screenshots, segmentations or damaged files lie beside the slices",
      result:
        "the only series of several slices, with a warning that names the others; a file that cannot be read ends only its own series",
    },
    async () => {
      const film = makeDicom({ ...IMAGE, ...ct }, "1.2.840.10008.1.2.4.102");
      const damaged = slice(4, 4, { ...ct, "0020000E UI": "1.2.3.98" }).slice(0, -4);
      const lost = slice(5, 5).slice(0, 300);
      const files = [slice(1, 1), film, slice(2, 2), damaged, lost, new Uint8Array(7)];
      const { volume, images } = await read(files);
      expect(firsts(volume)).toEqual([1, 2]);
      expect(images).toHaveLength(2);
      expect(volume.warnings).toEqual([
        "s: other series are not read: " +
          "2: CT, 1 file (cannot be read: 1.dcm: TransferSyntaxUID (0002,0010) is 1.2.840.10008.1.2.4.102, which is not " +
          "read; store the image uncompressed or as JPEG, JPEG-LS, JPEG 2000, HTJ2K or RLE); " +
          "3: CT, 1 file (cannot be read: 3.dcm: is cut off: PixelData (7FE0,0010) has 8 of its 12 bytes); " +
          "4: MR, 1 file (cannot be read: 4.dcm: damaged or cut off: what follows (0018,0050) cannot be read); " +
          '5: of unknown kind, 1 file (cannot be read: 5.dcm: has no DICOM header ("DICM" at byte 128) and does not begin ' +
          "with DICOM attributes; expected a complete DICOM file: export the image again)",
      ]);
      await expect(read(files, 2)).rejects.toThrow("patient/1.dcm: TransferSyntaxUID (0002,0010) is");
      await expect(read(files, 3)).rejects.toThrow("patient/3.dcm: is cut off: PixelData");
    },
  );

  test("a damaged slice ends its own series", async () => {
    const files = [slice(1, 1), slice(2, 2).slice(0, -4), slice(8, 1, ct), slice(9, 2, ct)];
    await expect(read(files, 1)).rejects.toThrow("patient/1.dcm: is cut off");
    expect((await read(files, 2)).volume).toMatchObject({ size: [3, 2, 2], modality: "CT" });
    await expect(read(files)).rejects.toThrow(
      "s: has 2 DICOM series (1: MR, 2 files of 3 x 2 (cannot be read: 1.dcm: is cut off: PixelData (7FE0,0010) has 8 of " +
        "its 12 bytes); 2: CT, 2 images of 3 x 2); expected one, or the number of one of them",
    );
  });

  test("a segmentation is not taken for the volume that it belongs to", async () => {
    const seg = makeDicom({
      ...IMAGE,
      ...ct,
      "00080060 CS": "SEG",
      "00280008 IS": "2",
      "7FE00010 OW": new Array<number>(12).fill(1),
    });
    const { volume } = await read([slice(1, 1), seg, slice(2, 2)]);
    expect(volume.warnings).toEqual(["s: other series are not read: 2: SEG, 1 image of 3 x 2"]);
  });

  test("nothing, and a number that there is not", async () => {
    await expect(read([])).rejects.toThrow("s: has 0 DICOM series; expected one");
    await expect(read([slice(1, 1)], 2)).rejects.toThrow(
      "s: has 1 DICOM series (1: MR, 1 image of 3 x 2); expected",
    );
  });
});
