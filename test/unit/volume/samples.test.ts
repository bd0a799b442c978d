import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { valueRange } from "../../../src/image/pixels.js";
import { axisCodes } from "../../../src/volume/affine.js";
import { assertSameGeometry } from "../../../src/volume/labels.js";
import { readVolume } from "../../../src/volume/read.js";
import { readLabelVolumeFile, readVolumeFile } from "../../../src/volume/read.node.js";
import { realValues } from "../../../src/volume/values.js";
import { spacingOf, type Volume } from "../../../src/volume/volume.js";
import { VolumeError } from "../../../src/volume/volumeError.js";
import { dataFolder, sha256 } from "../image/fixtures.js";

const read = (name: string): Promise<Volume> =>
  readVolume(new Uint8Array(readFileSync(`${dataFolder}${name}`)), name);

/** Frames, slices, rows, columns, samples; without those that are 1, but for rows and columns. */
function shapeOf({ size: [columns, rows, slices], frames, channels }: Volume): string {
  const outer = [frames, slices].filter((count) => count > 1);
  return [...outer, rows, columns, ...(channels > 1 ? [channels] : [])].join("x");
}

// As in the table of the folder's README; checksums are of pydicom's pixel_array (colours as RGB).
const DICOM: [
  name: string,
  shape: string,
  type: string,
  range: number[],
  spacing: number[] | undefined,
  sha: string,
][] = [
  [
    "CT1_UNC.explicit_little_endian.dcm",
    "512x512",
    "Int16",
    [-2000, 2278],
    [0.661468, 0.661468],
    "1add6ede2975",
  ],
  ["CT1_UNC.jpeg_ls.80.dcm", "512x512", "Int16", [-2000, 2278], [0.661468, 0.661468], "1add6ede2975"],
  ["CT_small.dcm", "128x128", "Int16", [128, 2191], [0.661468, 0.661468], "7a481f6ffff8"],
  ["MR_small.dcm", "64x64", "Int16", [127, 2145], [0.3125, 0.3125], "88617aaa4613"],
  ["MR_small_RLE.dcm", "64x64", "Int16", [127, 2145], [0.3125, 0.3125], "88617aaa4613"],
  ["MR_small_bigendian.dcm", "64x64", "Int16", [127, 2145], [0.3125, 0.3125], "88617aaa4613"],
  ["MR_small_implicit.dcm", "64x64", "Int16", [127, 2145], [0.3125, 0.3125], "88617aaa4613"],
  ["MR_small_jp2klossless.dcm", "64x64", "Int16", [127, 2145], [0.3125, 0.3125], "88617aaa4613"],
  ["MR_small_jpeg_ls_lossless.dcm", "64x64", "Int16", [127, 2145], [0.3125, 0.3125], "88617aaa4613"],
  ["emri_small.dcm", "10x64x64", "Uint16", [0, 467], undefined, "9719c5d0f62c"],
  ["JPEG-LL.dcm", "1024x256", "Int16", [0, 278], [2.26, 2.26], "a6e9d3214333"],
  ["JPGExtended.dcm", "1024x256", "Uint16", [0, 264], [2.26, 2.26], ""],
  ["gdcm-CR-MONO1-10-chest.dcm", "440x440", "Uint16", [0, 979], undefined, "400ebd95cd99"],
  ["examples_jpeg2k.dcm", "480x640x3", "Uint8", [0, 255], undefined, "e16892020c73"],
  ["examples_rgb_color.dcm", "240x320x3", "Uint8", [0, 255], undefined, "a64f021b9093"],
  ["examples_ybr_color.dcm", "30x240x320x3", "Uint8", [0, 220], undefined, ""], // RGB, so not the README's 0..192
  ["examples_palette.dcm", "350x800", "Uint8", [0, 255], undefined, "66e6c512c395"],
  ["ExplVR_BigEnd.dcm", "60x80x3", "Uint8", [0, 255], undefined, "1583c4339dd3"],
  ["SC_rgb_rle.dcm", "100x100x3", "Uint8", [0, 255], [1, 1], "169e619557b1"],
  ["SC_rgb_jpeg_dcmtk.dcm", "100x100x3", "Uint8", [0, 255], [1, 1], "ddb100d8f45a"],
  ["image_dfl.dcm", "512x512", "Uint8", [0, 255], undefined, "1f5f1b1c1a57"],
  ["liver_1frame.dcm", "512x512", "Uint8", [0, 1], [0.810547, 0.810547], "e036a07b502f"], // spacing: functional groups
];

// Checksums of nibabel's stored values; the range is that of the scaled ones.
const NIFTI: [
  name: string,
  shape: string,
  type: string,
  zooms: number[],
  axes: string,
  range: number[],
  sha: string,
][] = [
  ["anatomical.nii", "25x41x33", "Int16", [2, 2, 2], "LAS", [-610, 30393], "9fd5b46df2ca"],
  ["example4d.nii.gz", "2x24x96x128", "Int16", [2, 2, 2.2], "LAS", [0, 1162], "acbd2cecdb03"],
  ["example_nifti2.nii.gz", "2x12x20x32", "Int16", [2, 2, 2.2], "LAS", [46, 757], "fadeb3ec74c7"],
  ["functional.nii", "20x3x21x17", "Int16", [4, 4, 8], "LAS", [629.826, 5571.62], "bc5d73de66b5"],
  [
    "someones_anatomy.nii.gz",
    "56x67x57",
    "Uint8",
    [2.75, 2.75, 2.75],
    "RAS",
    [6.67836, 96.5554],
    "3f2b23ae12bf",
  ],
  ["big.nii.gz", "21x64x64", "Float32", [4, 4, 6], "LAS", [-8.71075, 18.5825], "7c1d23c32f70"],
  ["little.nii.gz", "21x64x64", "Float32", [4, 4, 6], "LAS", [-8.71075, 18.5825], "7c1d23c32f70"],
];

describe.skipIf(dataFolder === undefined)("files of ../shared/data", () => {
  test.each(DICOM)("%s", async (name, shape, type, range, spacing, sha) => {
    const volume = await read(`dicom/${name}`);
    expect([shapeOf(volume), volume.data.constructor.name]).toEqual([shape, `${type}Array`]);
    expect(valueRange(volume.data)).toEqual(range);
    expect(volume.pixelSpacing).toEqual(spacing);
    if (sha !== "") expect(sha256(volume.data).slice(0, 12)).toBe(sha);
  });

  test.each(NIFTI)("%s", async (name, shape, type, zooms, axes, range, sha) => {
    const volume = await read(`nifti/${name}`);
    expect([shapeOf(volume), volume.data.constructor.name]).toEqual([shape, `${type}Array`]);
    const spacing = [...volume.pixelSpacing!, volume.sliceSpacing!];
    spacing.forEach((side, i) => expect(side).toBeCloseTo(zooms[i], 5));
    expect(axisCodes(volume.affine!)).toBe(axes);
    const scaled = valueRange(realValues(volume).data);
    scaled.forEach((value, i) => expect(value / range[i] || 1).toBeCloseTo(1, 5));
    expect(sha256(volume.data).slice(0, 12)).toBe(sha);
  });

  test.each([
    ["MR_truncated.dcm", "is cut off: PixelData (7FE0,0010) has 8130 of its 8192 bytes"],
    [
      "no_meta.dcm",
      'has no DICOM header ("DICM" at byte 128) and does not begin with DICOM attributes; expected a complete DICOM',
    ],
    ["rtstruct.dcm", "has no PixelData (7FE0,0010); Modality (0008,0060) is RTSTRUCT; expected an image"],
  ])("%s is refused", async (name, message) => {
    const error: unknown = await read(`dicom/${name}`).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(VolumeError);
    expect((error as Error).message).toMatch(new RegExp(`^dicom/${name}: `));
    expect((error as Error).message).toContain(message);
  });

  test("the series of a head, sorted and placed", async () => {
    const volume = await readVolumeFile(`${dataFolder}dicom-series`);
    expect(volume).toMatchObject({ size: [512, 512, 6], frames: 1, modality: "MR", warnings: [] });
    expect(volume.pixelSpacing).toEqual([0.41015625, 0.41015625]);
    expect(volume.sliceSpacing).toBeCloseTo(1.5, 5);
    expect(axisCodes(volume.affine!)).toBe("LPS");
    // The left-most, rearmost voxel of the lowest slice, in the patient's axes to the right and to the front.
    const origin = volume.affine!.map((row) => row[3]);
    expect(origin).toEqual([
      expect.closeTo(106.3268, 3),
      expect.closeTo(123.0744, 3),
      expect.closeTo(-47.0007, 3),
    ]);
    const most = [1681, 1640, 1635, 1667, 1663, 1650];
    const slice = 512 * 512;
    for (const [z, high] of most.entries())
      expect(valueRange(volume.data.subarray(z * slice, (z + 1) * slice))).toEqual([0, high]);
    expect(volume.windows).toEqual([{ centre: 606, width: 1168 }]);
  });

  test("real values: Hounsfield units, inversion, colours of a palette", async () => {
    const ct = await read("dicom/CT1_UNC.explicit_little_endian.dcm");
    expect(ct).toMatchObject({ slope: 1, intercept: -1024, padding: [-2000, -2000], modality: "CT" });
    // The padding outside of the circle counts in no range.
    const measured = Array.from(ct.data as Int16Array).filter((value) => value !== -2000);
    const [lowest] = valueRange(measured);
    expect(valueRange(realValues(ct).data)).toEqual([lowest - 1024, 2278 - 1024]);

    const chest = await read("dicom/gdcm-CR-MONO1-10-chest.dcm");
    expect(chest.inverted).toEqual({ range: [0, 1023] });
    expect(valueRange(realValues(chest).data)).toEqual([1023 - 979, 1023]);

    const palette = realValues(await read("dicom/examples_palette.dcm"));
    expect(palette).toMatchObject({ channels: 3, size: [800, 350, 1] });
    expect(sha256(palette.data).slice(0, 12)).toBe("322156a65198");
  });

  test("a warning where text may be burned in, and nobody's name anywhere", async () => {
    const ultrasound = await read("dicom/examples_palette.dcm");
    expect(ultrasound.warnings).toEqual([expect.stringContaining("text may be burned into the pixels")]);
    for (const [name] of DICOM) {
      const text = JSON.stringify(await read(`dicom/${name}`), (key, value: unknown) =>
        key === "data" ? "" : value,
      );
      expect(text).not.toMatch(/CompressedSamples|Lestrade|Anonymi|JANCT|PLA\b|OB\^/);
    }
  });
});

// Right values are those of the folder's README; voxel by voxel beside nibabel in test/parity/live/volumes.test.ts.
describe.skipIf(dataFolder === undefined)("files of ../shared/data/faults/nifti", () => {
  const labels = (name: string) => readLabelVolumeFile(`${dataFolder}faults/nifti/${name}`);
  const volume = (name: string) => readVolumeFile(`${dataFolder}faults/nifti/${name}`);

  test("qform alone: nibabel's affine, and the labels saved with it lie on the image", async () => {
    const { affine } = await volume("q_only.nii");
    const expected = [[-0.6577848209821773, -0.2736161261667537, 0, -90], [-0.23941410275116332, 0.7517541051267932, 0, -100.5], [0, 0, 2.5, 33]]; // prettier-ignore
    expected.flat().forEach((value, i) => expect(affine!.flat()[i]).toBeCloseTo(value, 12));
    const [image, own] = [await volume("small_qform_mr.nii.gz"), await labels("small_qform_labels.nii.gz")];
    expect(() => assertSameGeometry(image, own, "labels")).not.toThrow();
  });

  test("labels that nibabel scaled", async () => {
    const values = async (name: string) => [...new Set((await labels(name)).data)].sort();
    expect(await values("lab_nibabel_autoscaled.nii.gz")).toEqual([0, 1, 2, 3, 4]);
    expect(await values("lab_nibabel_autoscaled_u8.nii.gz")).toEqual([0, 1]);
  });

  test("zeros after gzip, NaN, a negative pixdim", async () => {
    expect(valueRange((await volume("gz_zero_trailing.nii.gz")).data)).toEqual([-100, 150]);
    const gaps = await volume("nan.nii");
    expect(gaps.warnings).toEqual([expect.stringContaining("63 of 693 values are not finite numbers")]);
    expect(spacingOf(await labels("evaluate_negative_pixdim3.nii"), "labels")).toEqual([1, 1, 5]);
  });
});
