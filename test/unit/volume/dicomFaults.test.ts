import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { valueRange } from "../../../src/image/pixels.js";
import { axisCodes } from "../../../src/volume/affine.js";
import { dicomSegBytes } from "../../../src/volume/dicomSegWrite.js";
import { readDicomSeg } from "../../../src/volume/dicomSegRead.js";
import { gridOf } from "../../../src/volume/labels.js";
import { readVolumeFile, readVolumeWithSource } from "../../../src/volume/read.node.js";
import { dataFolder, sha256 } from "../image/fixtures.js";

/** An image with the values 0 to 4076, as most of the files have it. */
const USUAL = ["32x24", "Uint16", [0, 4076], "9ea12c52526b"] as const;
// Checksums are of pydicom's pixel_array. `place` is what the image says of where it lies.
const FILES: [
  name: string,
  image: readonly [size: string, kind: string, range: readonly number[], sha: string],
  missing: readonly ("pixelSpacing" | "sliceSpacing" | "affine")[],
  warning?: string,
][] = [
  ["bare_implicit", USUAL, []],
  ["no_preamble_with_meta", USUAL, []],
  [
    "meta_explicit_data_implicit",
    USUAL,
    [],
    "but the attributes are implicit VR, little endian, and are read so",
  ],
  [
    "frames0",
    USUAL,
    [],
    "NumberOfFrames (0028,0008) is 0; expected a positive integer; it counts as missing",
  ],
  ["instance_text", USUAL, [], "InstanceNumber (0020,0013) is not made of numbers; it counts as missing"],
  [
    "iop_zeros",
    USUAL,
    ["affine", "sliceSpacing"],
    "ImageOrientationPatient (0020,0037) is 0, 0, 0, 0, 0, 0; expected",
  ],
  [
    "spacing_zero",
    USUAL,
    ["pixelSpacing", "affine"],
    "PixelSpacing (0028,0030) is 0, 0; expected two positive numbers",
  ],
  [
    "thickness_text",
    USUAL,
    ["sliceSpacing"],
    "SliceThickness (0018,0050) is not made of numbers; it counts as missing",
  ],
  ["window_na_text", USUAL, [], "WindowCenter (0028,1050) is not made of numbers; it counts as missing"],
  ["window_nan", USUAL, [], "WindowCenter (0028,1050) is not made of numbers; it counts as missing"],
  [
    "highbit15_stored12",
    ["32x24", "Uint16", [0, 4080], "7dccea0b28c0"],
    [],
    "HighBit (0028,0102) is 15; expected 11.",
  ],
  ["float_pixel", ["32x24", "Float32", [0, Math.fround(582.2857)], "cb5385e009f6"], []],
  ["rgb16", ["32x24x3", "Uint16", [0, 63736], "2a05fe1530dd"], [], "text may be burned into the pixels"],
  ["j2k_i8of8", ["72x64", "Int8", [-128, 127], "ade21a1bff58"], []],
];
/** What other series than the CT's seven slices a folder has. */
const OTHERS: [folder: string, warning: string][] = [
  [
    "s_plus_mpeg_other_series",
    "2: SR, 1 file (cannot be read: X0.dcm: TransferSyntaxUID (0002,0010) is 1.2.840.10008.1.2.4.102, which",
  ],
  ["s_plus_rgb16_other_series", "2: OT, 1 image of 16 x 20"],
  ["s_plus_screenshot_zero_iop", "2: OT, 1 image of 16 x 20"],
];

describe.skipIf(dataFolder === undefined)("DICOM files of ../shared/data/faults", () => {
  const folder = `${dataFolder}faults`;

  test("all are here", () => {
    expect(FILES.map(([name]) => `${name}.dcm`).sort()).toEqual(readdirSync(`${folder}/dicom`).sort());
    expect(readdirSync(`${folder}/series`)).toHaveLength(8);
  });

  test.each(FILES)("%s.dcm", async (name, [size, kind, range, sha], missing, warning) => {
    const volume = await readVolumeFile(`${folder}/dicom/${name}.dcm`);
    const [columns, rows] = volume.size;
    expect([columns, rows, volume.channels].slice(0, volume.channels === 1 ? 2 : 3).join("x")).toBe(size);
    expect(volume.data.constructor.name).toBe(`${kind}Array`);
    expect(valueRange(volume.data)).toEqual(range);
    expect(sha256(volume.data).slice(0, 12)).toBe(sha);
    expect([volume.slope, volume.intercept]).toEqual([1, name === "rgb16" ? 0 : -1024]);
    for (const key of ["pixelSpacing", "sliceSpacing", "affine"] as const)
      expect(volume[key] === undefined, key).toBe(missing.includes(key));
    expect(volume.warnings).toEqual(warning === undefined ? [] : [expect.stringContaining(warning)]);
  });

  /** What the first voxels of the slices are: 31 more from one to the next. */
  const read = async (name: string, series?: number) => {
    const volume = await readVolumeFile(`${folder}/series/${name}`, {
      ...(series !== undefined && { series }),
    });
    const area = volume.size[0] * volume.size[1];
    const least = Array.from({ length: volume.size[2] }, (_, z) => valueRange(volume.data.subarray(z * area, (z + 1) * area))[0]); // prettier-ignore
    return { volume, numbers: least.map((value) => value / 31 + 1) };
  };
  const SEVEN = [1, 2, 3, 4, 5, 6, 7];

  test.each(["s_iop_jitter_2e-7", "s_some_without_preamble"])("%s: one volume of 7 slices", async (name) => {
    const { volume, numbers } = await read(name);
    expect(volume).toMatchObject({ size: [16, 20, 7], frames: 1, sliceSpacing: 2.5, warnings: [] });
    expect(numbers).toEqual(SEVEN);
    expect(axisCodes(volume.affine!)).toBe("LPS");
  });

  test.each(OTHERS)(
    "%s: the CT, a warning that names the other series; by its number the other one",
    async (name, warning) => {
      for (const series of [undefined, 1]) {
        const { volume, numbers } = await read(name, series);
        expect(volume).toMatchObject({ size: [16, 20, 7], sliceSpacing: 2.5, modality: "CT" });
        expect(numbers).toEqual(SEVEN);
        expect(volume.warnings).toEqual([
          expect.stringContaining(`${name}: other series are not read: ${warning}`),
        ]);
      }
      const other = readVolumeFile(`${folder}/series/${name}`, { series: 2 });
      if (warning.includes("cannot be read"))
        await expect(other).rejects.toThrow(/X0\.dcm: TransferSyntaxUID .* which is not read/);
      else expect(await other).toMatchObject({ size: [16, 20, 1], modality: "OT" });
    },
  );

  test("s_localizer_in_series: the 7 axial slices, a warning that names the scout", async () => {
    const { volume, numbers } = await read("s_localizer_in_series");
    expect(numbers).toEqual(SEVEN);
    expect(volume.warnings).toEqual([
      "s_localizer_in_series: X0.dcm is left out: ImageType (0008,0008) says LOCALIZER, a scout",
    ]);
  });

  test("s_no_ipp: 7 slices in the order of SliceLocation, a warning, no place in the patient", async () => {
    const { volume, numbers } = await read("s_no_ipp");
    expect(volume).toMatchObject({ size: [16, 20, 7], frames: 1, sliceSpacing: 2.5 });
    expect(numbers).toEqual(SEVEN);
    expect(volume.affine).toBeUndefined();
    expect(volume.warnings).toEqual([
      expect.stringContaining("Their order is that of SliceLocation (0020,1041)"),
    ]);
  });

  test("s_missing_slice: a warning; a DICOM segmentation lies on the slices that there are", async () => {
    const { volume, images } = await readVolumeWithSource(`${folder}/series/s_missing_slice`);
    expect(volume).toMatchObject({ size: [16, 20, 6], sliceOffsets: [0, 2.5, 5, 10, 12.5, 15] });
    expect(volume.sliceSpacing).toBeUndefined();
    expect(axisCodes(volume.affine!)).toBe("LPS");
    expect(volume.warnings).toEqual([
      expect.stringMatching(
        /I002\.dcm and I004\.dcm are 5\.000 mm apart, others 2\.500;.* NIfTI .* up to 2\.500 mm off/,
      ),
    ]);
    const labels = {
      ...gridOf(volume),
      data: Uint8Array.from({ length: 6 * 320 }, (_, i) => (i % 5 ? 0 : 1)),
    };
    const segments = [{ label: 1, name: "all" }];
    const bytes = await dicomSegBytes(labels, images!, { segments, algorithm: "test", version: "1" });
    expect((await readDicomSeg(bytes, volume, "seg.dcm")).labels.data).toEqual(Uint16Array.from(labels.data));
  });
});
