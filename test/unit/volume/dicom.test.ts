import fc from "fast-check";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { axisCodes } from "../../../src/volume/affine.js";
import { openDicomSeries } from "../../../src/volume/dicomSeries.js";
import { dicomVolume, readDicom } from "../../../src/volume/dicomVolume.js";
import { realValues, volumeSlice } from "../../../src/volume/values.js";
import { fileWorks } from "../../fileWorks.js";
import { dataFolder } from "../image/fixtures.js";
import { encapsulated, EXPLICIT, IMAGE, makeDicom, slice, type Elements } from "./makeDicom.js";

const read = (more: Elements = {}) => readDicom(makeDicom({ ...IMAGE, ...more }), "a.dcm");
const refusal = async (more: Elements): Promise<string> => {
  const error: unknown = await read(more).catch((reason: unknown) => reason);
  expect((error as Error).name).toMatch(/^(Volume|Image)Error$/);
  return (error as Error).message;
};

const colour = (photometric: string, values: number[], planar = 0): Elements => ({
  ...{ "00280002 US": [3], "00280004 CS": photometric, "00280006 US": [planar] },
  ...{ "00280010 US": [1], "00280011 US": [2], "00280100 US": [8], "00280101 US": [8], "00280102 US": [7] },
  "7FE00010 OW": Uint8Array.from(values),
});

describe("pixels", () => {
  test("as stored", async () => {
    const volume = await read();
    expect(volume).toEqual({
      ...{ name: "a.dcm", size: [3, 2, 1], frames: 1, channels: 1, slope: 1, intercept: 0, modality: "MR" },
      ...{ data: Uint16Array.of(0, 10, 20, 30, 40, 50), pixelSpacing: [0.25, 0.5], warnings: [] },
    });
  });

  fileWorks(
    {
      format: "DICOM",
      from: "Older CT and MR scanners",
      habit: "an overlay lies in the bits above BitsStored",
      result: "the image's own bits, with or without sign",
    },
    async () => {
      const pixels = {
        "00280101 US": [12],
        "00280102 US": [11],
        "7FE00010 OW": [0x0fff, 0xf001, 0x0800, 0x07ff, 0, 5],
      };
      expect((await read(pixels)).data).toEqual(Uint16Array.of(4095, 1, 2048, 2047, 0, 5));
      expect((await read({ ...pixels, "00280103 US": [1] })).data).toEqual(
        Int16Array.of(-1, 1, -2048, 2047, 0, 5),
      );
    },
  );

  test("8 and 32 bits", async () => {
    const bytes = Uint8Array.of(0, 1, 2, 253, 254, 255);
    const eight = { "00280100 US": [8], "00280101 US": [8], "00280102 US": [7], "7FE00010 OW": bytes };
    expect((await read(eight)).data).toEqual(bytes);
    expect((await read({ ...eight, "00280103 US": [1] })).data).toEqual(Int8Array.of(0, 1, 2, -3, -2, -1));
    const words = Uint32Array.of(1, 2, 3, 4, 5, 4e9);
    const wide = { "00280100 US": [32], "00280101 US": [32], "00280102 US": [31], "7FE00010 OW": new Uint8Array(words.buffer) }; // prettier-ignore
    expect((await read(wide)).data).toEqual(words);
  });

  fileWorks(
    {
      format: "DICOM",
      from: "Ultrasound, endoscopy, microscopy",
      habit: "colours one after the other or in planes, as RGB, YBR_FULL or YBR_FULL_422",
      result: "RGB, by the standard's formula",
    },
    async () => {
      expect((await read(colour("RGB", [1, 2, 3, 4, 5, 6]))).data).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6));
      expect((await read(colour("RGB", [1, 2, 3, 4, 5, 6], 1))).data).toEqual(
        Uint8Array.of(1, 3, 5, 2, 4, 6),
      );
      // Red and blue by the standard's formula.
      const ybr = [76, 85, 255, 29, 255, 107];
      const rgb = Uint8Array.of(254, 0, 0, 0, 0, 254);
      expect((await read(colour("YBR_FULL", ybr))).data).toEqual(rgb);
      const grey = colour("YBR_FULL_422", [50, 60, 128, 128]);
      expect((await read(grey)).data).toEqual(Uint8Array.of(50, 50, 50, 60, 60, 60));
    },
  );

  test.each([
    ["no pixels", { "7FE00010 OW": undefined }, "has no PixelData (7FE0,0010); Modality (0008,0060) is MR"],
    [
      "too few pixels",
      { "7FE00010 OW": [1, 2, 3] },
      "PixelData (7FE0,0010) has 6 bytes; expected 12 for 3 x 2",
    ],
    ["no rows", { "00280010 US": undefined }, "has no Rows (0028,0010), which images must have"],
    ["rows of 0", { "00280010 US": [0] }, "size is 3 x 0"],
    ["an absurd size", { "00280010 US": [65535], "00280011 US": [65535] }, "are more than the limit"],
    ["absurdly many frames", { "00280008 IS": "999999999" }, "is 999999999, more than the limit of 90000"],
    [
      "four samples",
      { "00280002 US": [4] },
      "PhotometricInterpretation (0028,0004) is MONOCHROME2 with 4 samples",
    ],
    [
      "colour names with one sample",
      { "00280004 CS": "RGB" },
      "PhotometricInterpretation (0028,0004) is RGB with 1",
    ],
    [
      "13 bits of 12",
      { "00280100 US": [12], "00280101 US": [13] },
      "13 bits of 12 (BitsStored (0028,0101) and BitsAllocated",
    ],
    [
      "differences of colour in 16 bits",
      { "00280002 US": [3], "00280004 CS": "YBR_FULL" },
      "is YBR_FULL with 3 samples a pixel of 16 bits; expected",
    ],
    [
      "halved colours that are whole",
      { ...colour("YBR_FULL_422", [1, 2, 3, 4, 5, 6]) },
      "is YBR_FULL_422, with 2 bytes a pixel, but PixelData (7FE0,0010) has 3",
    ],
    [
      "a slope in words",
      { "00281053 DS": "1,5" },
      "RescaleSlope (0028,1053) is not a number, and without it",
    ],
    [
      "a slope of 0",
      { "00281053 DS": "0" },
      "RescaleSlope (0028,1053) is 0, which makes all values the same",
    ],
    [
      "an intercept that is none",
      { "00281052 DS": "NaN" },
      "RescaleIntercept (0028,1052) is not a number, and without it",
    ],
  ] as const)("%s: refused", async (_, more, message) => {
    expect(await refusal(more)).toContain(message);
  });

  const OPTIONAL = [
    ["frames in words", { "00280008 IS": "many" }, "NumberOfFrames (0028,0008) is not made of numbers"],
    [
      "half a frame",
      { "00280008 IS": "1.5" },
      "NumberOfFrames (0028,0008) is 1.5; expected a positive integer",
    ],
    ["a spacing in words", { "00280030 DS": "a\\b" }, "PixelSpacing (0028,0030) is not made of numbers"],
    ["half a spacing", { "00280030 DS": "1" }, "PixelSpacing (0028,0030) has 1 numbers; expected 2"],
    [
      "a spacing of 0",
      { "00280030 DS": "0\\1" },
      "PixelSpacing (0028,0030) is 0, 1; expected two positive numbers of mm",
    ],
    [
      "a skewed direction",
      { "00200037 DS": "1\\0\\0\\1\\0\\0" },
      "ImageOrientationPatient (0020,0037) is 1, 0, 0, 1, 0, 0; expected two directions of length 1 at right angles",
    ],
    ["half a place", { "00200032 DS": "1\\2" }, "ImagePositionPatient (0020,0032) has 2 numbers; expected 3"],
    [
      "a window that is no number",
      { "00281050 DS": "N/A", "00281051 DS": "400" },
      "WindowCenter (0028,1050) is not made of numbers",
    ],
    [
      "no sign",
      { "00280103 US": undefined },
      "PixelRepresentation (0028,0103) is not there, and values are read without sign",
    ],
  ] as const;
  fileWorks(
    {
      format: "DICOM",
      from: "Anonymisers, vendors' exports",
      habit:
        "text, zeros or half a value in attributes that the pixels do not need: window, spacing, direction, position, number of frames",
      result: "the pixels; the attribute counts as missing, with a warning",
    },
    async () => {
      const { data } = await read();
      for (const [what, more, why] of OPTIONAL) {
        const volume = await read(more);
        expect(volume.data, what).toEqual(data);
        expect(volume.warnings, what).toEqual([`a.dcm: ${why}; it counts as missing`]);
      }
    },
  );

  test("frames that the file does not count are not left out without a word", async () => {
    const more = { "00280008 IS": "0", "7FE00010 OW": new Array<number>(18).fill(7) };
    expect((await read(more)).warnings).toEqual([
      "a.dcm: NumberOfFrames (0028,0008) is 0; expected a positive integer; it counts as missing",
      "a.dcm: PixelData (7FE0,0010) has room for 3 frames, of which NumberOfFrames (0028,0008) has 1; the others are left out",
    ]);
  });

  fileWorks(
    {
      format: "DICOM",
      from: "Converters",
      habit: "HighBit is not BitsStored - 1",
      result: "the lowest bits, as pydicom reads them, and a warning",
    },
    async () => {
      const volume = await read({ "00280101 US": [12], "7FE00010 OW": [0xfff0, 0x1fff, 0, 1, 2, 3] });
      expect(volume.data).toEqual(Uint16Array.of(0xff0, 0xfff, 0, 1, 2, 3));
      expect(volume.warnings).toEqual([expect.stringContaining("HighBit (0028,0102) is 15; expected 11")]);
    },
  );

  fileWorks(
    {
      format: "DICOM",
      from: "Parametric maps",
      habit: "FloatPixelData or DoubleFloatPixelData instead of PixelData",
      result: "the values, with slope and padding",
    },
    async () => {
      const values = [0.5, -1.25, 1e30, 0, 3, -0.1];
      const float = { ...{ "7FE00010 OW": undefined, "00280103 US": undefined }, "00280101 US": undefined };
      const padded = { "00280122 FL": new Uint8Array(Float32Array.of(3).buffer), "00281053 DS": "2" };
      const single = await read({
        ...float,
        ...padded,
        "00280100 US": [32],
        "7FE00008 OF": new Uint8Array(Float32Array.from(values).buffer),
      });
      expect(single).toMatchObject({
        data: Float32Array.from(values),
        slope: 2,
        padding: [3, 3],
        warnings: [],
      });
      const double = await read({
        ...float,
        "00280100 US": [64],
        "7FE00009 OD": new Uint8Array(Float64Array.from(values).buffer),
      });
      expect(double.data).toEqual(Float64Array.from(values));
    },
  );

  fileWorks(
    {
      format: "DICOM",
      from: "Photographs and scanned films",
      habit: "RGB of 16 bits",
      result: "the stored values, in three channels",
    },
    async () => {
      const wide = { ...colour("RGB", []), "00280100 US": [16], "00280101 US": [16], "00280102 US": [15] };
      const volume = await read({ ...wide, "7FE00010 OW": [1, 2, 3, 40000, 50000, 65535] });
      expect(volume).toMatchObject({ channels: 3, data: Uint16Array.of(1, 2, 3, 40000, 50000, 65535) });
    },
  );

  fileWorks(
    {
      format: "DICOM",
      from: "Archives that decompress",
      habit: "PhotometricInterpretation still says YBR_RCT or YBR_ICT",
      result: "RGB, as pydicom reads it",
    },
    async () => {
      for (const photometric of ["YBR_RCT", "YBR_ICT"])
        expect((await read(colour(photometric, [1, 2, 3, 4, 5, 6]))).data).toEqual(
          Uint8Array.of(1, 2, 3, 4, 5, 6),
        );
    },
  );

  test("pixels that are compressed although the file says that they are not: refused", async () => {
    const file = makeDicom(
      { ...IMAGE, "7FE00010 OW": undefined },
      EXPLICIT,
      encapsulated([new Uint8Array(64)]),
    );
    await expect(readDicom(file, "a.dcm")).rejects.toThrow(
      "a.dcm: PixelData (7FE0,0010) is compressed, but TransferSyntaxUID (0002,0010) is 1.2.840.10008.1.2.1;",
    );
  });

  test("another transfer syntax is named", async () => {
    const mpeg = makeDicom(IMAGE, "1.2.840.10008.1.2.4.100");
    await expect(readDicom(mpeg, "a.dcm")).rejects.toThrow(
      "a.dcm: TransferSyntaxUID (0002,0010) is 1.2.840.10008.1.2.4.100, which is not read; store the image",
    );
  });
});

describe("what values mean", () => {
  test("rescale, windows, padding", async () => {
    const volume = await read({
      ...{
        "00281052 DS": "-1000",
        "00281053 DS": "2",
        "00281050 DS": "40\\300 ",
        "00281051 DS": "400\\1500",
      },
      ...{ "00280120 US": [50], "00280121 US": [40] },
    });
    expect(volume).toMatchObject({ slope: 2, intercept: -1000, padding: [40, 50] });
    expect(volume.windows).toEqual([
      { centre: 40, width: 400 },
      { centre: 300, width: 1500 },
    ]);
    expect(realValues(volume).data).toEqual(Float32Array.of(-1000, -980, -960, -940, NaN, NaN));
  });

  fileWorks(
    {
      format: "DICOM",
      from: "CT scanners",
      habit: "signed pixels whose PixelPaddingValue is written without sign",
      result: "the padding is known: such pixels count as not measured",
    },
    async () => {
      for (const padding of [{ "00280120 SS": [-2000] }, { "00280120 US": [63536] }])
        expect((await read({ ...padding, "00280103 US": [1] })).padding).toEqual([-2000, -2000]);
      const only = await read({ "00280120 US": [7], "7FE00010 OW": [7, 7, 7, 7, 7, 7] });
      expect(() => realValues(only)).toThrow("a.dcm: has nothing but padding");
    },
  );

  fileWorks(
    {
      format: "DICOM",
      from: "Radiography, mammography",
      habit: "MONOCHROME1: low values are bright",
      result: "bright where the radiograph is bright",
    },
    async () => {
      const volume = await read({ "00280004 CS": "MONOCHROME1", "00280101 US": [6], "00280102 US": [5], "00281053 DS": "0.5" }); // prettier-ignore
      expect(realValues(volume).data).toEqual(Float32Array.of(31.5, 26.5, 21.5, 16.5, 11.5, 6.5));
    },
  );

  const palette = (bits: number, words: number[]): Elements => {
    const lut = { red: words, green: words.map((word) => word + 1), blue: words.map((word) => word + 2) };
    return {
      ...{ "00280004 CS": "PALETTE COLOR", "00280100 US": [8], "00280101 US": [8], "00280102 US": [7] },
      ...{ "00281101 US": [3, 10, bits], "00281102 US": [3, 10, bits], "00281103 US": [3, 10, bits] },
      ...{ "00281201 OW": lut.red, "00281202 OW": lut.green, "00281203 OW": lut.blue },
      "7FE00010 OW": Uint8Array.of(0, 10, 11, 12, 13, 255),
    };
  };
  fileWorks(
    {
      format: "DICOM",
      from: "Older ultrasound",
      habit: "palette colours of 8 or 16 bits, whose values may lie outside of the palette",
      result: "RGB; a value outside takes the nearest colour",
    },
    async () => {
      for (const [bits, unit, green] of [
        [8, 1, 1],
        [16, 256, 0],
      ]) {
        // prettier-ignore
        const words = [20 * unit, 40 * unit, 60 * unit];
        const picture = realValues(await read(palette(bits, words)));
        const shades = [20, 20, 40, 60, 60, 60];
        expect(picture.channels).toBe(3);
        expect(picture.data).toEqual(
          Uint8Array.from(shades.flatMap((shade) => [shade, shade + green, shade + 2 * green])),
        );
        await expect(read({ ...palette(bits, words), "00281203 OW": undefined })).rejects.toThrow(
          "a.dcm: has no BluePaletteColorLookupTableData (0028,1203)",
        );
      }
    },
  );

  fileWorks(
    {
      format: "DICOM",
      from: "Ultrasound",
      habit:
        "a film in colour, without a place in the patient and without spacing, with text burned into the pixels",
      result: "its frames (`--frame` takes one), and a warning about the text",
    },
    async () => {
      const pixels = [1, 2, 3, 4, 5, 6];
      const film = {
        ...colour("RGB", [...pixels, ...pixels.map((value) => 10 * value)]),
        "00280008 IS": "2",
      };
      const volume = await read({ ...film, "00080060 CS": "US", "00280030 DS": undefined });
      expect(volume).toMatchObject({ size: [2, 1, 1], frames: 2, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60) }); // prettier-ignore
      expect([volume.affine, volume.pixelSpacing]).toEqual([undefined, undefined]);
      expect(volume.warnings).toEqual([expect.stringContaining("text may be burned into the pixels")]);
    },
  );

  test("warnings of burned-in text", async () => {
    expect((await read({ "00280301 CS": "YES" })).warnings[0]).toContain(
      "says that text is burned into the pixels",
    );
    expect((await read({ "00080060 CS": "US" })).warnings[0]).toContain("text may be burned into the pixels");
    expect((await read({ "00080060 CS": "US", "00280301 CS": "NO" })).warnings).toEqual([]);
  });

  test("slices along each axis", async () => {
    const files = [1, 2, 3, 4].map((n) => ({ name: `${n}.dcm`, bytes: slice(n, n) }));
    const volume = await dicomVolume(openDicomSeries(files)[0].images, "s");
    expect(volumeSlice(volume, 2, 1)).toMatchObject({ width: 3, height: 2, data: Uint16Array.of(2, 10, 20, 30, 40, 50) }); // prettier-ignore
    expect(volumeSlice(volume, 1, 0)).toMatchObject({ width: 3, height: 4 });
    expect([...volumeSlice(volume, 1, 0).data]).toEqual([1, 10, 20, 2, 10, 20, 3, 10, 20, 4, 10, 20]);
    expect([...volumeSlice(volume, 0, 0).data]).toEqual([1, 30, 2, 30, 3, 30, 4, 30]);
    expect(() => volumeSlice(volume, 0, 3)).toThrow("s: has no slice 3; expected 0..2");
    expect(() => volumeSlice(volume, 0, 0, 1)).toThrow("s: has no frame 1; expected 0..0");
    expect(() => volumeSlice({ ...volume, slope: 2 }, 0, 0)).toThrow("s: holds stored values");
  });
});

describe("multi-frame", () => {
  const place = (z: number): Elements => ({ "00209113 SQ": [{ "00200032 DS": `0\\0\\${z}` }] });
  const enhanced = (frames: Elements[], shared: Elements = {}): Uint8Array =>
    makeDicom({
      ...IMAGE,
      ...{ "00280008 IS": String(frames.length), "00280030 DS": undefined },
      "52009229 SQ": [
        {
          "00289110 SQ": [{ "00280030 DS": "2\\3", "00180050 DS": "7" }],
          "00209116 SQ": [{ "00200037 DS": "0\\1\\0\\0\\0\\-1" }],
          "00289145 SQ": [{ "00281052 DS": "-5", "00281053 DS": "1" }],
          ...shared,
        },
      ],
      "52009230 SQ": frames,
      "7FE00010 OW": frames.flatMap((_, i) => [i, 10, 20, 30, 40, 50]),
    });

  fileWorks(
    {
      format: "DICOM",
      from: "Enhanced MR and CT",
      habit: "all slices in one file, their place, spacing and slope in functional groups",
      result: "one volume in the order of the places",
    },
    async () => {
      // Rows to the back, columns down: slices lie along -x.
      const along = (x: number): Elements => ({ "00209113 SQ": [{ "00200032 DS": `${x}\\0\\0` }] });
      const volume = await readDicom(enhanced([along(4), along(8), along(6)]), "e.dcm");
      expect(volume).toMatchObject({ size: [3, 2, 3], pixelSpacing: [3, 2], sliceSpacing: 2, intercept: -5 });
      expect([0, 1, 2].map((z) => volume.data[6 * z])).toEqual([1, 2, 0]);
      expect(axisCodes(volume.affine!)).toBe("PIR");
    },
  );

  test("frames at one place stay frames, and that is said", async () => {
    const volume = await readDicom(enhanced([place(1), place(1)]), "e.dcm");
    expect(volume).toMatchObject({ size: [3, 2, 1], frames: 2, pixelSpacing: [3, 2] });
    expect(volume.warnings).toEqual(["e.dcm: its frames are not slices: some lie at the same place"]);
  });

  test("too few groups are refused", async () => {
    const bytes = makeDicom({ ...IMAGE, "00280008 IS": "3", "52009230 SQ": [place(1), place(2)], "7FE00010 OW": new Array<number>(18).fill(1) }); // prettier-ignore
    await expect(readDicom(bytes, "e.dcm")).rejects.toThrow(
      "e.dcm: PerFrameFunctionalGroupsSequence (5200,9230) has 2 items; expected 3, one a frame",
    );
  });
});

describe("damage", () => {
  const attempt = async (bytes: Uint8Array): Promise<void> => {
    try {
      await readDicom(bytes, "x.dcm");
    } catch (error) {
      expect((error as Error).name, (error as Error).stack).toMatch(/^(Volume|Image)Error$/);
      expect((error as Error).message).toMatch(/^x\.dcm/);
      expect((error as Error).message).not.toMatch(/Secret|12345|1970/);
    }
  };

  test("cut off anywhere: refused", async () => {
    const bytes = slice(1, 1);
    for (let length = 0; length < bytes.length; length++)
      await expect(readDicom(bytes.slice(0, length), "x.dcm"), `${length} bytes`).rejects.toThrow(
        /^x\.dcm: /,
      );
  });

  test("any damage gives a volume or an error that names the file, and never the patient", async () => {
    const multi = makeDicom({ ...IMAGE, "00280008 IS": "2", "52009230 SQ": [{}, {}], "7FE00010 OW": new Array<number>(12).fill(1) }); // prettier-ignore
    for (const bytes of [slice(1, 1), multi]) {
      const change = fc.tuple(
        fc.integer({ min: 128, max: bytes.length - 1 }),
        fc.integer({ min: 0, max: 255 }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 5 }), async (changes) => {
          const damaged = bytes.slice();
          for (const [at, value] of changes) damaged[at] = value;
          await attempt(damaged);
        }),
        { numRuns: 600, seed: 4 },
      );
    }
  });

  const compressed = ["MR_small_RLE", "MR_small_jp2klossless", "MR_small_jpeg_ls_lossless", "JPEG-LL", "JPGExtended", "SC_rgb_jpeg_dcmtk", "image_dfl"]; // prettier-ignore
  test.skipIf(dataFolder === undefined).each(compressed)("of %s", async (name) => {
    const bytes = new Uint8Array(readFileSync(`${dataFolder}dicom/${name}.dcm`));
    for (const share of [0.3, 0.6, 0.9])
      await expect(readDicom(bytes.slice(0, share * bytes.length), "x.dcm"), `${share}`).rejects.toThrow(
        /^x\.dcm/,
      );
    // What follows the pixels may be missing.
    const { data } = await readDicom(bytes, "x.dcm");
    const almost = readDicom(bytes.slice(0, 0.99 * bytes.length), "x.dcm");
    await almost.then(
      (volume) => expect(volume.data).toEqual(data),
      (error) => expect(String(error)).toContain("x.dcm"),
    );
    const change = fc.tuple(
      fc.integer({ min: 128, max: bytes.length - 1 }),
      fc.integer({ min: 0, max: 255 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 5 }), async (changes) => {
        const damaged = bytes.slice();
        for (const [at, value] of changes) damaged[at] = value;
        await attempt(damaged);
      }),
      { numRuns: 40, seed: 9 },
    );
  });
});
